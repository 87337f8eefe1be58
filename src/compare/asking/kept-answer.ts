import { that } from '../../core/options.ts'
import type { Finish, Way } from '../contenders/contender.ts'

/** An answer with what it answers: enough to audit a score, and to go on without asking again. */
export interface KeptAnswer {
  readonly contender: string
  readonly identity: string
  readonly way: Way
  /** The question's. */
  readonly id: string
  /** SHA-256 of the prompt, in hexadecimal digits. */
  readonly promptSha256: string
  readonly prompt: string
  readonly maxTokens: number
  /** What was written; of who weighs, the likeliest choice. */
  readonly text: string
  readonly finish: Finish
  readonly promptTokens: number | null
  readonly completionTokens: number | null
  readonly seconds: number
  readonly servedBy: string | null
  /** Of each choice, of who weighs. */
  readonly logLikelihoods: readonly number[] | null
}

const finishes: readonly unknown[] = ['stop', 'length', 'refused', 'too-long'] satisfies Finish[]

/** A rule for one. */
export const keptRule = that('an answer, as onAnswer is given', (value): value is KeptAnswer => {
  if (typeof value !== 'object' || value === null) return false
  const kept = value as Readonly<Record<keyof KeptAnswer, unknown>>
  const texts = [kept.contender, kept.identity, kept.way, kept.id, kept.promptSha256, kept.prompt, kept.text]
  const logs = kept.logLikelihoods
  const isWeighed = Array.isArray(logs) && logs.every(Number.isFinite)
  const counts = [kept.promptTokens, kept.completionTokens].every((count) => count === null || Number.isFinite(count))
  return (
    texts.every((each) => typeof each === 'string') &&
    finishes.includes(kept.finish) &&
    (logs === null || isWeighed) &&
    Number.isFinite(kept.seconds) &&
    counts
  )
})
