import { check } from '../../errors.ts'
import { lowerOf, type CharacterTest } from './characters.ts'
import type { ParsedPattern } from './parse.ts'
import { widthOf, type Pattern, type PlaceTest } from './pattern.ts'

/** A step of a match. Jumps are to indices in the program. */
export type Instruction =
  | { readonly op: 'character'; readonly test: CharacterTest }
  | { readonly op: 'place'; readonly holds: PlaceTest }
  /** Tries `first`, then `second`; `choice` numbers it. */
  | { readonly op: 'choice'; readonly choice: number; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  /** Notes the place in a slot: where a group begins or ends, or a turn of a loop began. */
  | { readonly op: 'note'; readonly slot: number }
  /** Leaves a loop whose turn, begun at the slot's place, matched nothing. */
  | { readonly op: 'progress'; readonly slot: number; out: number }
  /**
   * Matches what stands up to `end`, once: `behind` characters back, to no effect on the place (a look), or going on
   * from it.
   */
  | {
      readonly op: 'inner'
      readonly kind: 'ahead' | 'behind' | 'atomic'
      readonly behind: number
      readonly isNegative: boolean
      end: number
    }
  | { readonly op: 'reference'; readonly group: number; readonly fold: (codePoint: number) => number }
  | { readonly op: 'condition'; readonly group: number; no: number }
  | { readonly op: 'done' }

export interface Program {
  readonly code: readonly Instruction[]
  /** Choices in it. */
  readonly choices: number
  /** Slots of notes: two a group, then those of loops. */
  readonly slots: number
  /** Whether what matches further on hangs on nothing but the place: true where no group is referred to. */
  readonly isRegular: boolean
}

/** Instructions of the largest program: repeats are written out. */
const LARGEST = 50_000

/** @throws MedAwareError `unsupported` where repeats make it too large. */
export function compilePattern({ root, groups }: ParsedPattern, who: string): Program {
  const writer = new Writer(groups, who)
  writer.write(root)
  return writer.done()
}

class Writer {
  readonly #code: Instruction[] = []
  #choices = 0
  #slots: number
  #isRegular = true
  #work = 0

  constructor(
    groups: number,
    readonly who: string,
  ) {
    this.#slots = 2 * groups
  }

  done(): Program {
    this.#code.push({ op: 'done' })
    return { code: this.#code, choices: this.#choices, slots: this.#slots, isRegular: this.#isRegular }
  }

  write(pattern: Pattern): void {
    check(++this.#work <= LARGEST, 'unsupported', () => {
      return `${this.who} is too large a regular expression: more than ${LARGEST} steps with its repeats written out`
    })
    const code = this.#code
    switch (pattern.kind) {
      case 'character':
        code.push({ op: 'character', test: pattern.test })
        break
      case 'place':
        code.push({ op: 'place', holds: pattern.holds })
        break
      case 'sequence':
        for (const part of pattern.parts) this.write(part)
        break
      case 'either':
        this.#either(pattern.options)
        break
      case 'repeat':
        this.#repeat(pattern)
        break
      case 'group':
        code.push({ op: 'note', slot: 2 * pattern.index })
        this.write(pattern.body)
        code.push({ op: 'note', slot: 2 * pattern.index + 1 })
        break
      case 'atomic':
        this.#inner('atomic', 0, false, pattern.body)
        break
      case 'look':
        this.#inner(pattern.behind > 0 ? 'behind' : 'ahead', pattern.behind, pattern.isNegative, pattern.body)
        break
      case 'reference': {
        const { group, mode } = pattern
        this.#isRegular = false
        code.push({ op: 'reference', group, fold: mode.ignoreCase ? (c) => lowerOf(c, mode) : (c) => c })
        break
      }
      case 'condition': {
        this.#isRegular = false
        const condition = this.#push({ op: 'condition', group: pattern.group, no: 0 })
        this.write(pattern.yes)
        const jump = this.#push({ op: 'jump', to: 0 })
        condition.no = code.length
        this.write(pattern.no)
        jump.to = code.length
      }
    }
  }

  #push<I extends Instruction>(instruction: I): I {
    this.#code.push(instruction)
    return instruction
  }

  #choice(): Extract<Instruction, { op: 'choice' }> {
    return this.#push({ op: 'choice', choice: this.#choices++, first: 0, second: 0 })
  }

  #either(options: readonly Pattern[]): void {
    const jumps: { to: number }[] = []
    for (const [index, option] of options.entries()) {
      const choice = index < options.length - 1 ? this.#choice() : null
      if (choice !== null) choice.first = this.#code.length
      this.write(option)
      if (choice === null) continue
      jumps.push(this.#push({ op: 'jump', to: 0 }))
      choice.second = this.#code.length
    }
    for (const jump of jumps) jump.to = this.#code.length
  }

  #repeat({ body, min, max, isLazy }: Extract<Pattern, { kind: 'repeat' }>): void {
    for (let i = 0; i < min; i++) this.write(body)
    const leave = (choice: { first: number; second: number }, inside: number) => {
      const out = this.#code.length
      Object.assign(choice, isLazy ? { first: out, second: inside } : { first: inside, second: out })
    }
    if (max === Infinity) {
      const start = this.#code.length
      const choice = this.#choice()
      const inside = this.#code.length
      const progress = this.#turn(body)
      this.#code.push({ op: 'jump', to: start })
      leave(choice, inside)
      if (progress !== null) progress.out = this.#code.length
      return
    }
    const choices: [{ first: number; second: number }, number][] = []
    for (let i = min; i < max; i++) {
      choices.push([this.#choice(), this.#code.length])
      this.write(body)
    }
    for (const [choice, inside] of choices) leave(choice, inside)
  }

  /** A turn of a loop, with a look at whether it matched anything where it need not. */
  #turn(body: Pattern): { out: number } | null {
    if (widthOf(body, [])[0] > 0) {
      this.write(body)
      return null
    }
    const slot = this.#slots++
    this.#code.push({ op: 'note', slot })
    this.write(body)
    return this.#push({ op: 'progress', slot, out: 0 })
  }

  #inner(kind: 'ahead' | 'behind' | 'atomic', behind: number, isNegative: boolean, body: Pattern): void {
    const inner = this.#push({ op: 'inner', kind, behind, isNegative, end: 0 })
    this.write(body)
    this.#code.push({ op: 'done' })
    inner.end = this.#code.length
  }
}
