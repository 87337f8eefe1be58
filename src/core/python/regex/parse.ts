import { check, type MedAwareError } from '../../errors.ts'
import { isWord, type CharacterMode, type CharacterTest } from './characters.ts'
import { characterSet, escapedItem, itemTest, octal } from './escapes.ts'
import { isFlag, readFlags, type Flags } from './flags.ts'
import { widthOf, type Pattern, type PlaceTest, type Width } from './pattern.ts'
import { Tokens } from './tokens.ts'

/** A pattern and its groups. */
export interface ParsedPattern {
  readonly root: Pattern
  /** How many groups, the whole match included. */
  readonly groups: number
  readonly names: ReadonlyMap<string, number>
}

/** Characters of the longest pattern. */
const LONGEST = 100_000
/** How deep groups may lie in one another. */
const DEEPEST = 100
/** Python's MAXREPEAT. */
const MOST_REPEATS = 2 ** 32 - 1
const NOTHING: Pattern = { kind: 'sequence', parts: [] }

/**
 * Takes a regular expression of Python's `re` apart (Python 3.11, re/_parser.py).
 * @param who Begins an error's sentence, such as `attachLora: targetModules "(dense"`.
 * @throws MedAwareError `config` for what Python refuses too, `unsupported` for `\N{…}`, groups more than 100 deep and
 * more than 100,000 characters.
 */
export function parsePattern(source: string, who: string): ParsedPattern {
  check(source.length <= LONGEST, 'unsupported', () => {
    return `${who} is too long a regular expression: ${source.length} characters, of ${LONGEST} at most`
  })
  return new Parser(new Tokens(source, who)).parse()
}

class Parser {
  readonly #tokens: Tokens
  /** Widths of groups by their number, `null` while they are open. */
  readonly #widths: (Width | null)[] = [null]
  readonly #names = new Map<string, number>()
  /** The highest group that a condition asks for, which may come after it. */
  #asked = 0
  /** Within a look behind, the first group of the outermost one: neither it nor later ones may be referred to there. */
  #behindFrom = Infinity
  /** The whole pattern's, which flags at its start change. */
  #flags: Flags = { i: false, m: false, s: false, x: false, a: false }

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  parse(): ParsedPattern {
    const root = this.#either(this.#flags, 0)
    if (this.#tokens.next !== '') throw this.#bad('a ) without its (')
    if (this.#asked >= this.#widths.length) throw this.#bad(`there is no group ${this.#asked}`)
    return { root, groups: this.#widths.length, names: this.#names }
  }

  /** Alternatives up to a `)` or the end. */
  #either(flags: Flags, depth: number): Pattern {
    check(depth <= DEEPEST, 'unsupported', () => `${this.#tokens.who} has groups more than ${DEEPEST} deep`)
    const options = [this.#sequence(flags, depth, depth === 0)]
    while (this.#tokens.takes('|')) options.push(this.#sequence(depth === 0 ? this.#flags : flags, depth))
    return options.length === 1 ? (options[0] ?? NOTHING) : { kind: 'either', options }
  }

  #sequence(outer: Flags, depth: number, isStart = false): Pattern {
    const tokens = this.#tokens
    const parts: Pattern[] = []
    let flags = outer
    let isRepeated = false
    while (tokens.next !== '' && tokens.next !== '|' && tokens.next !== ')') {
      const token = tokens.take()
      if (flags.x && this.#isPassedOver(token)) continue
      const repeats = this.#repeats(token)
      if (repeats !== null) {
        const body = parts.pop()
        if (body === undefined || body.kind === 'place') throw this.#bad(`nothing before ${token} to repeat`)
        if (isRepeated) throw this.#bad(`${token} behind another repeat`)
        parts.push(this.#repeated(body, repeats))
        isRepeated = true
        continue
      }
      const isFirst = isStart && parts.length === 0
      const part = token === '(' ? this.#group(flags, depth + 1, isFirst) : this.#single(token, flags)
      if (part !== null) {
        parts.push(part)
        isRepeated = false
      } else if (isFirst) flags = this.#flags
    }
    const [only] = parts
    return parts.length === 1 && only !== undefined ? only : { kind: 'sequence', parts }
  }

  /** Spaces, and a comment to the end of its line. */
  #isPassedOver(token: string): boolean {
    if (token === '#') while (this.#tokens.next !== '' && this.#tokens.take() !== '\n');
    return token === '#' || ' \t\n\r\v\f'.includes(token)
  }

  /** How often what stands before a token is repeated, `null` where the token is itself. */
  #repeats(token: string): Width | null {
    if (token === '?') return [0, 1]
    if (token === '*') return [0, Infinity]
    if (token === '+') return [1, Infinity]
    if (token !== '{' || this.#tokens.next === '}') return null
    const back = this.#tokens.at
    const low = this.#tokens.takeWhile('0123456789')
    const high = this.#tokens.takes(',') ? this.#tokens.takeWhile('0123456789') : low
    if (!this.#tokens.takes('}')) {
      this.#tokens.seek(back)
      return null
    }
    const [min, max] = [low === '' ? 0 : Number(low), high === '' ? Infinity : Number(high)]
    const isTooMany = min >= MOST_REPEATS || (high !== '' && max >= MOST_REPEATS)
    if (isTooMany || max < min) throw this.#bad(`the repeat {${low},${high}}`)
    return [min, max]
  }

  #repeated(body: Pattern, [min, max]: Width): Pattern {
    const isLazy = this.#tokens.takes('?')
    const isPossessive = !isLazy && this.#tokens.takes('+')
    if (!isPossessive) return { kind: 'repeat', body, min, max, isLazy }
    // Python goes back into no turn of a possessive repeat, not even from the next one.
    return { kind: 'atomic', body: { kind: 'repeat', body: { kind: 'atomic', body }, min, max, isLazy } }
  }

  /** What one token stands for. */
  #single(token: string, flags: Flags): Pattern {
    const mode = modeOf(flags)
    const one = (test: CharacterTest): Pattern => ({ kind: 'character', test })
    if (token === '[') return one(characterSet(this.#tokens, mode))
    if (token === '.') return one(flags.s ? () => true : (c) => c !== 10)
    if (token === '^') return { kind: 'place', holds: flags.m ? isLineStart : isStart }
    if (token === '$') return { kind: 'place', holds: flags.m ? isLineEnd : isEndOrLastLineEnd }
    if (!token.startsWith('\\')) return one(itemTest(token.codePointAt(0) ?? NaN, mode))
    const letter = token.slice(1)
    if (letter === 'A') return { kind: 'place', holds: isStart }
    if (letter === 'Z') return { kind: 'place', holds: isEnd }
    if (letter === 'b' || letter === 'B') return { kind: 'place', holds: wordEdge(letter === 'b', flags.a) }
    if (/^[1-9]$/.test(letter)) return this.#numbered(letter, mode)
    return one(itemTest(escapedItem(token, this.#tokens, mode), mode))
  }

  /** `\1` to `\99`, a group's text, or three octal digits, a character. */
  #numbered(first: string, mode: CharacterMode): Pattern {
    const digits = first + this.#tokens.takeWhile('0123456789', 1)
    if (/^[1-3][0-7]$|^[4-7][0-7]$/.test(digits) && '01234567'.includes(this.#tokens.next || 'x')) {
      const code = octal(digits + this.#tokens.take(), this.#tokens)
      return { kind: 'character', test: itemTest(code, mode) }
    }
    return this.#reference(Number(digits), mode)
  }

  #reference(group: number, mode: CharacterMode): Pattern {
    const width = this.#widths[group]
    if (width === undefined) throw this.#bad(`there is no group ${group}`)
    if (width === null) throw this.#bad(`a reference to group ${group} within it`)
    this.#checkBehind(group)
    return { kind: 'reference', group, mode }
  }

  #checkBehind(group: number): void {
    if (group >= this.#behindFrom) throw this.#bad(`a reference to group ${group} within the look behind that has it`)
  }

  /**
   * What stands in brackets, the opening one taken; `null` for what matches nothing: comments and the pattern's flags.
   */
  #group(flags: Flags, depth: number, isFirst: boolean): Pattern | null {
    const tokens = this.#tokens
    if (!tokens.takes('?')) return this.#captured(null, flags, depth)
    if (isFlag(tokens.next)) {
      const { flags: changed, isGlobal } = readFlags(tokens, flags)
      if (!isGlobal) return { kind: 'sequence', parts: [this.#closed(changed, depth)] }
      if (!isFirst) throw this.#bad('flags such as (?i) that are not at its start')
      this.#flags = changed
      return null
    }
    const token = tokens.take()
    if (token === ':') return { kind: 'sequence', parts: [this.#closed(flags, depth)] }
    if (token === '>') return { kind: 'atomic', body: this.#closed(flags, depth) }
    if (token === '=' || token === '!')
      return { kind: 'look', body: this.#closed(flags, depth), behind: 0, isNegative: token === '!' }
    if (token === '<') return this.#behind(flags, depth)
    if (token === '(') return this.#condition(flags, depth)
    if (token === '#') {
      for (let each = tokens.take(); each !== ')'; each = tokens.take())
        if (each === '') throw this.#bad('a comment (?# without its )')
      return null
    }
    if (token === 'P' && tokens.takes('<')) return this.#captured(this.#name('>'), flags, depth)
    if (token === 'P' && tokens.takes('=')) return this.#reference(this.#named(this.#name(')')), modeOf(flags))
    throw this.#bad(`(?${token}${token === 'P' ? tokens.next : ''}, which is none of its groups`)
  }

  /** The alternatives in brackets and the closing one. */
  #closed(flags: Flags, depth: number): Pattern {
    const body = this.#either(flags, depth)
    if (!this.#tokens.takes(')')) throw this.#bad('a ( without its )')
    return body
  }

  #captured(name: string | null, flags: Flags, depth: number): Pattern {
    const index = this.#widths.length
    this.#widths.push(null)
    if (name !== null) {
      if (this.#names.has(name)) throw this.#bad(`two groups named ${name}`)
      this.#names.set(name, index)
    }
    const body = this.#closed(flags, depth)
    this.#widths[index] = widthOf(body, this.#widths)
    return { kind: 'group', index, body }
  }

  #behind(flags: Flags, depth: number): Pattern {
    const kind = this.#tokens.take()
    if (kind !== '=' && kind !== '!') throw this.#bad(`(?<${kind}, which is none of its groups; a name is (?P<…>…)`)
    const outer = this.#behindFrom
    this.#behindFrom = Math.min(outer, this.#widths.length)
    const body = this.#closed(flags, depth)
    this.#behindFrom = outer
    const [low, high] = widthOf(body, this.#widths)
    if (low !== high) throw this.#bad('a look behind without a fixed width')
    return { kind: 'look', body, behind: low, isNegative: kind === '!' }
  }

  #condition(flags: Flags, depth: number): Pattern {
    const asked = this.#tokens.takeUntil(')')
    const group = /^\d+$/.test(asked) ? Number(asked) : this.#named(this.#checkedName(asked))
    if (group === 0) throw this.#bad('a condition on group 0')
    this.#asked = Math.max(this.#asked, group)
    this.#checkBehind(group)
    const yes = this.#sequence(flags, depth)
    const no = this.#tokens.takes('|') ? this.#sequence(flags, depth) : NOTHING
    if (this.#tokens.next === '|') throw this.#bad('a condition with more than two ways')
    if (!this.#tokens.takes(')')) throw this.#bad('a ( without its )')
    return { kind: 'condition', group, yes, no }
  }

  #name(end: string): string {
    return this.#checkedName(this.#tokens.takeUntil(end))
  }

  #checkedName(name: string): string {
    if (!/^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u.test(name))
      throw this.#bad(`a group's name ${JSON.stringify(name)} that is no name`)
    return name
  }

  #named(name: string): number {
    const group = this.#names.get(name)
    if (group === undefined) throw this.#bad(`there is no group named ${name}`)
    return group
  }

  #bad(reason: string): MedAwareError {
    return this.#tokens.bad(reason)
  }
}

function modeOf({ i, a }: Flags): CharacterMode {
  return { ignoreCase: i, ascii: a }
}

const isStart: PlaceTest = (_, at) => at === 0
const isEnd: PlaceTest = (text, at) => at === text.length
const isEndOrLastLineEnd: PlaceTest = (text, at) => at === text.length || (at === text.length - 1 && text[at] === 10)
const isLineStart: PlaceTest = (text, at) => at === 0 || text[at - 1] === 10
const isLineEnd: PlaceTest = (text, at) => at === text.length || text[at] === 10

/** `\b` and `\B`, neither of which is in an empty text (before Python 3.14). */
function wordEdge(isEdge: boolean, ascii: boolean): PlaceTest {
  const isWordAt = (text: readonly number[], at: number) => isWord(text[at] ?? 0, ascii)
  return (text, at) => text.length > 0 && (isWordAt(text, at - 1) !== isWordAt(text, at)) === isEdge
}
