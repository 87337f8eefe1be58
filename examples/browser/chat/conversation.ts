import type { Pair } from '../pairs.ts'
import type { Side } from '../session.ts'

/** Both sides, in the order in which they answer. */
export const sides: readonly Side[] = ['before', 'after']

/** A question, and what each side has said to it so far; null where a side was not asked. */
export interface Turn {
  readonly question: string
  readonly answers: Readonly<Record<Side, string | null>>
}

/** Two conversations with the same questions: each side sees its own answers alone. */
export class Conversation {
  #turns: readonly Turn[] = []

  get turns(): readonly Turn[] {
    return this.#turns
  }

  /** Begins a turn. @returns Its place. */
  ask(question: string): number {
    this.#turns = [...this.#turns, { question, answers: { before: null, after: null } }]
    return this.#turns.length - 1
  }

  /** Sets what a side has said so far. */
  say(at: number, side: Side, answer: string): void {
    this.#turns = this.#turns.map((turn, i) => {
      return i === at ? { ...turn, answers: { ...turn.answers, [side]: answer } } : turn
    })
  }

  /** What a side has heard and said before a turn. */
  past(at: number, side: Side): Pair[] {
    return this.#turns.slice(0, at).flatMap(({ question, answers }) => {
      const answer = answers[side]
      return answer === null ? [] : [{ question, answer }]
    })
  }
}
