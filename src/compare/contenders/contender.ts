import { number, type OptionRules, type Rule, that } from '../../core/options.ts'

/** What tokens cost, in one currency for all contenders. */
export interface Prices {
  /** Of a million tokens read. */
  readonly input: number
  /** Of a million tokens written. */
  readonly output: number
}

/** How a contender is asked. */
export interface AnswerRequest {
  /** The longest answer, in its own tokens. */
  readonly maxTokens: number
  readonly signal?: AbortSignal
}

/**
 * Why an answer ends: the model was done (`stop`), it reached the longest (`length`), the model or a filter refused to
 * answer (`refused`), or the question had more tokens than it reads (`too-long`).
 */
export type Finish = 'stop' | 'length' | 'refused' | 'too-long'

/** What a contender wrote. */
export interface WrittenAnswer {
  readonly text: string
  readonly finish: Finish
  /** Tokens read and written; `null` where nobody says. */
  readonly promptTokens: number | null
  readonly completionTokens: number | null
  /** Seconds that the answer took. Default: as long as `answer` took, attempts that failed included. */
  readonly seconds?: number
  /** What a server says that it answered with. */
  readonly servedBy?: string
}

/** Who is asked. */
interface Named {
  /** As it is called in tables; of the contenders of a comparison no two have the same. */
  readonly name: string
  /** What its answers hang on beside the prompt: two of one identity would answer alike. It is kept with answers. */
  readonly identity: string
}

/** One that writes an answer as text: an endpoint, a model that generates, a person. */
export interface WritingContender extends Named {
  readonly prices?: Prices
  /** Questions that it may be asked at a time. Default 1. */
  readonly concurrency?: number
  /** @throws What ends the comparison, behind which it can be gone on with: a server that stays away. */
  answer(prompt: string, request: AnswerRequest): Promise<WrittenAnswer>
}

/** One that weighs given answers and writes none, as lm-evaluation-harness asks models. */
export interface WeighingContender extends Named {
  /** @returns The log-likelihood of each choice behind the prompt and a blank, in nats. */
  weigh(
    prompt: string,
    choices: readonly string[],
    request: Pick<AnswerRequest, 'signal'>,
  ): Promise<{ readonly logLikelihoods: readonly number[]; readonly promptTokens: number }>
}

/** Who can be compared; to add one is to write an object of either kind. */
export type Contender = WritingContender | WeighingContender

/** How a contender's answer is found: in what it wrote, or by which of the choices is likeliest. */
export type Way = 'generate' | 'log-likelihood'

/** @returns How a contender's answers are found. */
export function wayOf(contender: Contender): Way {
  return 'answer' in contender ? 'generate' : 'log-likelihood'
}

/** What tokens cost. */
export const pricesRules: OptionRules<Prices> = { input: number({ from: 0 }), output: number({ from: 0 }) }

export const contenderRule: Rule<Contender> = that(
  "a contender, such as endpoint's or await localContender's",
  (value): value is Contender => {
    if (typeof value !== 'object' || value === null) return false
    const { name, identity, answer, weigh } = value as Readonly<Record<string, unknown>>
    const asks = [answer, weigh].filter((ask) => typeof ask === 'function')
    return typeof name === 'string' && name !== '' && typeof identity === 'string' && asks.length === 1
  },
)
