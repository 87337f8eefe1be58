import { check } from './errors.ts'
import { shorten } from './show.ts'

/** Ways to go through, and characters to look at, that one place of a text may cost. */
const mostWays = 4096
const mostLength = 4096

/**
 * Alternatives of the field's tokenizers that may scan a run and give it back, and the alternative behind them that
 * then takes the run: GPT-2's, cl100k's and o200k's.
 */
const known: ReadonlyMap<string, string | null> = new Map([
  // Gives back one character at most.
  [String.raw`\s+(?!\S)`, null],
  [String.raw`\s*[\r\n]+`, String.raw`\s+`],
  [String.raw`\s*[\r\n]`, String.raw`\s+`],
  ...[String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)?`, ''].map((contraction) => {
    const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`]
    const before = String.raw`[^\r\n\p{L}\p{N}]?`
    return [`${before}${upper}*${lower}+${contraction}`, `${before}${upper}+${lower}*${contraction}`] as const
  }),
])

/** Whole patterns of the field that are written in a way of their own: Bloom's. */
const knownWhole: ReadonlySet<string> = new Set([String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`])

/**
 * Runs of one class at the end of a text, as DeepSeek's tokenizers have them, with or without those at its beginning.
 */
const endRun = /^(?:\^(?<first>\\[sSdDwW]|\[(?:[^[\]\\]|\\.)*\])\+\|)?(?<last>\\[sSdDwW]|\[(?:[^[\]\\]|\\.)*\])\+\$$/

/**
 * The same matches in linear time: `\s+$` looks at each end of a run from each of its places; behind its first none can
 * match that the first does not.
 */
export function linearPattern(pattern: string): string {
  const { first, last } = endRun.exec(pattern)?.groups ?? {}
  if (last === undefined || (first !== undefined && first !== last)) return pattern
  const begin = first === undefined ? '' : `^${first}+|`
  return `${begin}(?<!${last})${last}+$`
}

/**
 * Refuses a regular expression that a backtracking engine may need more than linear time for, on whatever text: a
 * downloaded file must not hang who reads it. Allowed is what never gives back much: an unbounded repetition must be
 * followed by nothing that can fail, and what is bounded may be gone through in few ways. Beside these stand the
 * field's own patterns.
 * @param who Begins the error's sentence.
 * @throws MedAwareError `unsupported`, naming the pattern; `format` where it does not parse.
 */
export function checkPatternCost(pattern: string, who: string): void {
  if (knownWhole.has(pattern) || linearPattern(pattern) !== pattern) return
  const scan = new Scan(pattern, who)
  const alternatives = scan.alternatives()
  check(scan.isAtEnd, 'format', () => `${who}: the pattern ${shorten(pattern)} has a parenthesis too many`)
  for (const [i, { text, cost }] of alternatives.entries()) {
    const companion = known.get(text)
    const isKnown = companion === null || (companion !== undefined && isNext(companion, alternatives, i))
    const reason = isKnown ? null : reasonOf(cost)
    check(reason === null, 'unsupported', () => {
      return `${who}: the pattern ${shorten(pattern)} could take time without end: ${reason}, in ${shorten(text)}`
    })
  }
}

/**
 * Whether only known ones stand between: another could take a part of the run, and leave the rest to be scanned again.
 */
function isNext(companion: string, alternatives: readonly Alternative[], after: number): boolean {
  const next = alternatives.slice(after + 1).find(({ text }) => text === companion || !known.has(text))
  return next?.text === companion
}

function reasonOf({ reason, ways, length }: Cost): string | null {
  if (reason !== null) return reason
  // What is not a number at all is too much as well.
  if (!(ways <= mostWays)) return 'it may be gone through in too many ways'
  return length <= mostLength ? null : 'it repeats too often'
}

/** What a part of a pattern costs a backtracking engine at one place of a text. */
interface Cost {
  /** In how many ways what is bounded in it can be gone through. */
  readonly ways: number
  /** Characters it looks at, repetitions without a limit counted once. */
  readonly length: number
  readonly isUnbounded: boolean
  /** Whether it can always match nothing, so that it cannot make the whole fail. */
  readonly isOptional: boolean
  /** Why it may take more than linear time. */
  readonly reason: string | null
}

interface Alternative {
  readonly text: string
  readonly cost: Cost
}

const single: Cost = { ways: 1, length: 1, isUnbounded: false, isOptional: false, reason: null }

/** Reads a pattern once, from left to right. Nesting is bounded by `most`. */
class Scan {
  #at = 0
  #depth = 0
  readonly #pattern: string
  readonly #who: string

  constructor(pattern: string, who: string) {
    this.#pattern = pattern
    this.#who = who
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#pattern.length
  }

  /** All up to the end or the parenthesis that closes. */
  alternatives(): Alternative[] {
    const alternatives: Alternative[] = []
    for (;;) {
      const begin = this.#at
      const cost = this.#sequence()
      alternatives.push({ text: this.#pattern.slice(begin, this.#at), cost })
      if (this.#peek() !== '|') return alternatives
      this.#at++
    }
  }

  #sequence(): Cost {
    let [ways, length, isUnbounded, isOptional] = [1, 0, false, true]
    let reason: string | null = null
    while (!this.isAtEnd && this.#peek() !== '|' && this.#peek() !== ')') {
      const part = this.#repeated()
      reason ??= part.reason
      if (isUnbounded && !part.isOptional) reason ??= 'what follows a repetition without a limit can fail'
      ways *= part.ways
      length += part.length
      isUnbounded ||= part.isUnbounded
      isOptional &&= part.isOptional
    }
    return { ways, length, isUnbounded, isOptional, reason }
  }

  /** An atom with its quantifier. */
  #repeated(): Cost {
    const atom = this.#atom()
    quantifierAt.lastIndex = this.#at
    const quantifier = quantifierAt.exec(this.#pattern)
    if (quantifier === null) return atom
    this.#at += quantifier[0].length
    const [least, most] = countsOf(quantifier)
    const isAgain = quantifier[4] !== undefined
    const times = most === Infinity ? least + 1 : most
    const isRepeated = (most > 1 || isAgain) && (atom.isUnbounded || (isAgain && most === Infinity))
    return {
      ways: atom.ways ** times * (times - least + 1),
      length: atom.length * times,
      isUnbounded: atom.isUnbounded || most === Infinity || isAgain,
      isOptional: least === 0 || atom.isOptional || quantifier[4] === '*',
      reason: isRepeated ? 'a repetition without a limit is repeated' : atom.reason,
    }
  }

  #atom(): Cost {
    const { [this.#at]: character = '' } = this.#pattern
    if (character === '(') return this.#group()
    if (character === '[') return this.#characterClass()
    if (character === '\\') return this.#escape()
    this.#at++
    // A place in the text can fail, and takes no character.
    return single
  }

  #group(): Cost {
    const opening = /^\((?:\?(?:[a-z]*(?:-[a-z]+)?:|<?[=!]|>|<[A-Za-z]\w*>))?/.exec(
      this.#pattern.slice(this.#at, this.#at + 40),
    )
    this.#at += opening?.[0].length ?? 1
    check(
      ++this.#depth <= 32,
      'unsupported',
      () => `${this.#who}: the pattern ${shorten(this.#pattern)} nests too deep`,
    )
    const costs = this.alternatives().map(({ cost }) => cost)
    check(
      this.#peek() === ')',
      'format',
      () => `${this.#who}: the pattern ${shorten(this.#pattern)} lacks a parenthesis`,
    )
    this.#at++
    this.#depth--
    const isAssertion = /[=!]$/.test(opening?.[0] ?? '')
    const isUnbounded = costs.some((cost) => cost.isUnbounded)
    const inside = costs.find(({ reason }) => reason !== null)?.reason ?? null
    return {
      ways: costs.reduce((sum, cost) => sum + cost.ways, 0),
      // One that takes no character takes time when it is repeated.
      length: costs.reduce((most, { length }) => Math.max(most, length), 1),
      isUnbounded,
      isOptional: !isAssertion && costs.some((cost) => cost.isOptional),
      reason: isAssertion && isUnbounded ? 'it looks ahead or behind without a limit' : inside,
    }
  }

  #characterClass(): Cost {
    let depth = 0
    do {
      const character = this.#pattern[this.#at]
      check(
        character !== undefined,
        'format',
        () => `${this.#who}: the pattern ${shorten(this.#pattern)} lacks a bracket`,
      )
      if (character === '[') depth++
      if (character === ']') depth--
      this.#at += character === '\\' ? 2 : 1
    } while (depth > 0)
    return single
  }

  #escape(): Cost {
    const rest = this.#pattern.slice(this.#at, this.#at + 80)
    const escape =
      /^\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|x\{[^}]*\}|k<[^>]*>|[^])/.exec(rest)?.[0] ?? '\\'
    this.#at += escape.length
    const isReference = /^\\(?:[1-9]|k<)/.test(escape)
    return isReference ? { ...single, reason: 'it refers back to what it has matched' } : single
  }

  #peek(): string | undefined {
    return this.#pattern[this.#at]
  }
}

/** As Oniguruma reads it: behind braces a `+` or `*` repeats the whole again, elsewhere a `+` gives nothing back. */
const quantifierAt = /(?:[*+?]|\{(?=,?\d)(\d*)(,?)(\d*)\}([*+])?)\+*\??\+*/y

function countsOf([text = '', least, comma, most = '']: RegExpExecArray): [least: number, most: number] {
  if (least === undefined) return text.startsWith('?') ? [0, 1] : [text.startsWith('*') ? 0 : 1, Infinity]
  if (comma === '') return [Number(least), Number(least)]
  return [Number(least), most === '' ? Infinity : Number(most)]
}
