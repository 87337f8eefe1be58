import type { EvaluationTask, HumanScore } from '../tasks/task.ts'
import { macroF1 } from './macro-f1.ts'
import { wilson } from './proportion.ts'

/** What a score is to be held against. */
export interface Baselines {
  /** The same answer to every question, the best there is. */
  readonly constant: {
    /** Its place among the choices, and what it says. */
    readonly choice: number
    readonly answer: string
    readonly acc: number
    /** `null` as the report's. */
    readonly macroF1: number | null
    readonly low: number
    readonly high: number
  }
  /** What is right by drawing one of the choices: the mean of 1 / choices. */
  readonly chance: number
  /** What people reach, where it is published. */
  readonly humans: readonly HumanScore[]
}

/** @param questions What may be said of each, and the place of what is right. */
export function baselinesOf(
  task: EvaluationTask,
  questions: readonly { readonly choices: readonly string[]; readonly target: number }[],
): Baselines {
  const { length: n } = questions
  const right = questions.map(({ target }) => target)
  const counts = new Map<number, number>()
  for (const target of right) counts.set(target, (counts.get(target) ?? 0) + 1)
  // The most frequent; the first of those that are equal.
  const [[choice, hits]] = [...counts].sort(([a, x], [b, y]) => y - x || a - b) as [[number, number]]
  const answer = questions.find(({ target }) => target === choice)?.choices[choice] ?? ''
  const constantF1 =
    task.labels === undefined
      ? null
      : macroF1(
          right,
          right.map(() => choice),
        )
  return {
    constant: { choice, answer, acc: hits / n, macroF1: constantF1, ...wilson(hits, n) },
    chance: questions.reduce((sum, { choices }) => sum + 1 / choices.length, 0) / n,
    humans: task.humans ?? [],
  }
}
