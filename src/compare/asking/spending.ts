import type { Contender } from '../contenders/contender.ts'
import type { KeptAnswer } from './kept-answer.ts'

/** What answers took. */
export interface Spending {
  /** Tokens read and written, of the answers of which they are known. */
  readonly promptTokens: number
  readonly completionTokens: number
  /** Answers of which nobody says how many tokens they took. */
  readonly uncounted: number
  /** By the contender's prices, for the answers that are counted; `null` where it has none. */
  readonly cost: number | null
  /** Of all answers one after another, however many were asked for at a time. */
  readonly seconds: number
  /** Of the answer in the middle, and of that which took longer than 95 % of them. */
  readonly medianSeconds: number
  readonly seconds95: number
}

/** Counts what answers took; those that were known already took what they took then. */
export function spendingOf(contender: Contender, answers: readonly KeptAnswer[]): Spending {
  const sum = (of: (answer: KeptAnswer) => number | null) => answers.reduce((total, each) => total + (of(each) ?? 0), 0)
  const promptTokens = sum((answer) => answer.promptTokens)
  const completionTokens = sum((answer) => answer.completionTokens)
  const prices = 'answer' in contender ? contender.prices : undefined
  const sorted = answers.map(({ seconds }) => seconds).sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return {
    promptTokens,
    completionTokens,
    uncounted: answers.filter((each) => each.promptTokens === null || each.completionTokens === null).length,
    cost: prices === undefined ? null : (promptTokens * prices.input + completionTokens * prices.output) / 1e6,
    seconds: sum(({ seconds }) => seconds),
    medianSeconds: at(0.5),
    seconds95: at(0.95),
  }
}
