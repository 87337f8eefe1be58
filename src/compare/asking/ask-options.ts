import { abortSignal, callback, listOf, type OptionRules, whole } from '../../core/options.ts'
import { type KeptAnswer, keptRule } from './kept-answer.ts'

/** What asking of any kind takes. */
export interface AskOptions {
  /** The longest answer, in the contender's own tokens. Default 256, lm-evaluation-harness's. */
  readonly maxTokens?: number
  /** What was answered before, as `onAnswer` gave it: a question to which a contender's answer is there is not asked. */
  readonly known?: readonly KeptAnswer[]
  /** Called with each new answer as soon as it is there; keep it, and an interrupted comparison can be gone on with. */
  readonly onAnswer?: (answer: KeptAnswer) => void
  /** Called after each answer with how many of a contender's are there. */
  readonly onProgress?: (done: number, total: number, contender: string) => void
  /** Ends it with its reason. */
  readonly signal?: AbortSignal
}

/** A rule for each of them. */
export const askRules: OptionRules<AskOptions> = {
  maxTokens: whole({ from: 1 }),
  known: listOf(keptRule),
  onAnswer: callback(),
  onProgress: callback(),
  signal: abortSignal,
}
