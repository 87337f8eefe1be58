import { MedAwareError } from '../../errors.ts'
import { parsePattern } from './parse.ts'
import { compilePattern, type Program } from './program.ts'

/** How many steps matching may still take, over as many patterns and texts as share it. */
export interface StepBudget {
  left: number
}

/** Groups of a match by name. */
export type NamedGroups = Readonly<Record<string, string | undefined>>

/**
 * A regular expression of Python's `re`, as Python 3.11 reads it. It cannot hang: without references to groups matching
 * takes time in proportion to pattern times text, for what has failed once at a place is not tried there again; with
 * them, a budget of steps ends it.
 */
export class PythonRegex {
  readonly #program: Program
  readonly #names: ReadonlyMap<string, number>

  /**
   * @param who Begins an error's sentence, such as `attachLora: targetModules "(dense"`.
   * @throws MedAwareError `config` for what is no pattern, with Python's reason; `unsupported` for one too large or too
   * deep.
   */
  constructor(
    source: string,
    readonly who: string,
  ) {
    const parsed = parsePattern(source, who)
    this.#names = parsed.names
    this.#program = compilePattern(parsed, who)
  }

  /**
   * Whether the pattern matches the text from its first character to its last; re.fullmatch. @throws MedAwareError
   * `config`.
   */
  matchesAll(text: string, budget: StepBudget): boolean {
    return new Run(this.#program, text, budget, this.who).start(true)
  }

  /**
   * The groups of a match at the text's beginning, `null` where there is none; re.match. @throws MedAwareError
   * `config`.
   */
  matchStart(text: string, budget: StepBudget): NamedGroups | null {
    const run = new Run(this.#program, text, budget, this.who)
    if (!run.start(false)) return null
    return Object.fromEntries([...this.#names].map(([name, group]) => [name, run.group(group)]))
  }
}

/** One match of a program with a text, by backtracking with an explicit stack. */
class Run {
  readonly #text: readonly number[]
  readonly #notes: Int32Array
  /**
   * By choice and place: the round in which it was tried. A round is one go at the program or at an inner part of it.
   */
  readonly #tried: Uint32Array
  #round = 0

  constructor(
    readonly program: Program,
    text: string,
    readonly budget: StepBudget,
    readonly who: string,
  ) {
    this.#text = Array.from(text, (character) => character.codePointAt(0) ?? 0)
    this.#notes = new Int32Array(program.slots).fill(-1)
    this.#tried = new Uint32Array(program.isRegular ? program.choices * (this.#text.length + 1) : 0)
    budget.left -= this.#tried.length >> 4
  }

  start(toEnd: boolean): boolean {
    return this.#go(0, 0, toEnd) >= 0
  }

  group(index: number): string | undefined {
    const [from = -1, to = -1] = this.#notes.subarray(2 * index, 2 * index + 2)
    if (from < 0 || to < 0) return undefined
    return this.#text.slice(from, to).reduce((text, character) => text + String.fromCodePoint(character), '')
  }

  /** Where a match from a place ends, -1 where there is none. */
  #go(start: number, from: number, toEnd: boolean): number {
    const [{ code, isRegular }, text, notes, budget] = [this.program, this.#text, this.#notes, this.budget]
    const round = ++this.#round
    // What to go back to: pairs of instruction and place, or -1 - slot and what its note was.
    const back: number[] = []
    const note = (slot: number, place: number) => {
      back.push(-1 - slot, notes[slot] ?? -1)
      notes[slot] = place
    }
    let [pc, at, hasFailed] = [start, from, false]
    for (;;) {
      if (hasFailed) {
        const place = back.pop()
        const to = back.pop()
        if (place === undefined || to === undefined) return -1
        if (to < 0) {
          notes[-1 - to] = place
          continue
        }
        ;[pc, at, hasFailed] = [to, place, false]
      }
      if (--budget.left < 0) throw this.#spent()
      const step = code[pc]
      if (step === undefined) return -1
      switch (step.op) {
        case 'character':
          hasFailed = at >= text.length || !step.test(text[at] ?? -1)
          at++
          pc++
          break
        case 'place':
          hasFailed = !step.holds(text, at)
          pc++
          break
        case 'choice': {
          if (isRegular) {
            const index = step.choice * (text.length + 1) + at
            hasFailed = this.#tried[index] === round
            if (hasFailed) break
            this.#tried[index] = round
          }
          back.push(step.second, at)
          pc = step.first
          break
        }
        case 'jump':
          pc = step.to
          break
        case 'note':
          note(step.slot, at)
          pc++
          break
        case 'progress':
          pc = notes[step.slot] === at ? step.out : pc + 1
          break
        case 'inner': {
          const before = notes.slice()
          const end = at < step.behind ? -1 : this.#go(pc + 1, at - step.behind, false)
          const after = notes.slice()
          notes.set(before)
          hasFailed = end >= 0 === step.isNegative
          if (!hasFailed && !step.isNegative) after.forEach((place, slot) => place !== notes[slot] && note(slot, place))
          if (step.kind === 'atomic') at = end
          pc = step.end
          break
        }
        case 'reference': {
          const [begin = -1, end = -1] = notes.subarray(2 * step.group, 2 * step.group + 2)
          const length = end - begin
          hasFailed = begin < 0 || end < begin || at + length > text.length
          for (let i = 0; !hasFailed && i < length; i++)
            hasFailed = step.fold(text[begin + i] ?? -1) !== step.fold(text[at + i] ?? -1)
          budget.left -= Math.max(length, 0)
          at += length
          pc++
          break
        }
        case 'condition':
          pc = (notes[2 * step.group + 1] ?? -1) < 0 ? step.no : pc + 1
          break
        case 'done':
          if (start > 0 || !toEnd || at === text.length) return at
          hasFailed = true
      }
    }
  }

  #spent(): MedAwareError {
    return new MedAwareError('config', `${this.who} takes too many steps to match; write it without repeats in repeats`)
  }
}
