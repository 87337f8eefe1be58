import { callback, listOf, type OptionRules, readOptions, text, whole, withMethods } from '../core/options.ts'
import type { TextTokenizer } from '../generate/text-tokenizer.ts'
import { modelRule, type PretrainedLm } from '../models/causal-lm.ts'

/** What became of a request. */
export interface AnsweredRequest {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly seconds: number
  /** What was asked of a model; `null` where nothing was. */
  readonly usage: { readonly model: string; readonly promptTokens: number; readonly completionTokens: number } | null
}

/** What is served, and how much of it. */
export interface EndpointOptions {
  /** The base. Its adapters are models too, each by its name. While it is served nobody else may use it. */
  readonly model: PretrainedLm
  readonly tokenizer: TextTokenizer
  /** The base's id. Default `base`. */
  readonly name?: string
  /** Keys of which every request but `/health` must bring one as `Authorization: Bearer`. Default none. */
  readonly apiKeys?: readonly string[]
  /** Of a request's body. Default 1 MiB. */
  readonly maxBodyBytes?: number
  /** Answers that one request may ask for: its prompts times `n`. Default 128. */
  readonly maxChoices?: number
  /** New tokens of an answer. Default 2048. */
  readonly maxTokens?: number
  /** Seconds from a request's coming to its end, waiting included. Default 600. */
  readonly maxSeconds?: number
  /** Requests that are answered at a time, a token of each by turns. Default 4. */
  readonly maxRunning?: number
  /** Requests that may wait; those beyond are turned away. Default 64. */
  readonly maxWaiting?: number
  /** Of the device's memory for prompts that were read, so that those which begin alike are read once. Default 256 MiB. */
  readonly promptCacheBytes?: number
  /** Is told of every request when it has ended. */
  readonly onRequest?: (request: AnsweredRequest) => void
}

/** Options with nothing left open. */
export type ResolvedEndpoint = Required<Omit<EndpointOptions, 'onRequest'>> & Pick<EndpointOptions, 'onRequest'>

const tokenizerRule = withMethods<TextTokenizer>("a tokenizer, such as loadModel's or loadTokenizer's", [
  'encode',
  'decode',
])

const MiB = 2 ** 20
const most = 2 ** 31

const rules: OptionRules<EndpointOptions> = {
  model: modelRule,
  tokenizer: tokenizerRule,
  name: text,
  apiKeys: listOf(text),
  maxBodyBytes: whole({ from: 1, to: most }),
  maxChoices: whole({ from: 1, to: most }),
  maxTokens: whole({ from: 1, to: most }),
  // Timers take no more milliseconds.
  maxSeconds: whole({ from: 1, to: 2_000_000 }),
  maxRunning: whole({ from: 1, to: most }),
  maxWaiting: whole({ from: 0, to: most }),
  promptCacheBytes: whole({ from: 0 }),
  onRequest: callback(),
}

/** Fills in what options leave out. @throws MedAwareError `config`. */
export function resolveEndpoint(options: EndpointOptions): ResolvedEndpoint {
  const given = readOptions('createEndpoint', options, rules)
  return {
    ...{ apiKeys: [], maxBodyBytes: MiB, maxChoices: 128, maxTokens: 2048, maxSeconds: 600 },
    ...{ maxRunning: 4, maxWaiting: 64, promptCacheBytes: 256 * MiB },
    ...{ name: 'base', ...given },
  }
}
