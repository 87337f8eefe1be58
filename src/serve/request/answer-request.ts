import {
  anyText,
  either,
  flag,
  listOf,
  number,
  type OptionRules,
  table,
  text,
  that,
  whole,
} from '../../core/options.ts'
import type { Sampling } from '../../generate/sampling.ts'
import { checkRequest } from '../api-error.ts'
import { undone } from './fields.ts'

/** What is asked of a model, whichever way it was asked. */
export interface AnswerRequest {
  readonly model: string
  /** Token ids. */
  readonly prompts: readonly Prompt[]
  /** Answers to each prompt. */
  readonly n: number
  /** Whether the prompt is told again before its answer. */
  readonly isEchoed: boolean
  readonly maxNewTokens: number
  readonly stop: readonly string[]
  readonly sampling: Sampling
  readonly seed: number
  /** The likeliest tokens that are told of each place; `null` for no log-probabilities. */
  readonly top: number | null
  readonly isStream: boolean
  /** Whether a stream ends with how many tokens there were. */
  readonly isUsageTold: boolean
}

/** A prompt as it is read, and as it is written. */
export interface Prompt {
  readonly ids: readonly number[]
  /** `null` where it came as ids. */
  readonly text: string | null
}

/** Fields that both ways of asking have. */
export interface SharedFields {
  readonly model: string
  readonly n?: number
  readonly stop?: string | readonly string[]
  readonly temperature?: number
  readonly top_p?: number
  readonly top_k?: number
  readonly repetition_penalty?: number
  readonly seed?: number
  readonly max_tokens?: number
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean; readonly include_obfuscation?: boolean }
}

const stops = that('at most 16 texts that are not empty', (value): value is readonly string[] => {
  return Array.isArray(value) && value.length <= 16 && value.every((each) => typeof each === 'string' && each !== '')
})

export const sharedRules: OptionRules<SharedFields> = {
  model: text,
  n: whole({ from: 1, to: 2 ** 31 }),
  stop: either(text, stops),
  temperature: number({ from: 0, to: 2 }),
  top_p: number({ from: 0, to: 1 }),
  top_k: whole({ from: -1, to: 2 ** 31 }),
  repetition_penalty: number({ from: 0.01, to: 100 }),
  seed: whole(),
  max_tokens: whole({ from: 0, to: 2 ** 31 }),
  stream: flag,
  stream_options: table({ include_usage: flag, include_obfuscation: flag }),
}

/** Fields of both that are not done. */
export const sharedRefused = {
  frequency_penalty: undone(0),
  presence_penalty: undone(0),
  logit_bias: undone({}),
}

/** A text, or what OpenAI has in place of one. */
export const prompt = either(anyText, listOf(either(anyText, either(whole({ from: 0 }), listOf(whole({ from: 0 }))))))

/** Below it a temperature would make of logits what f32 does not hold; nothing but the likeliest is drawn anyhow. */
const coldest = 1e-6

/** How tokens are chosen: what a request leaves out is as OpenAI says, not as the model's generation_config.json does. */
export function samplingOf({
  temperature = 1,
  top_p: topP = 1,
  top_k: topK = 0,
  ...rest
}: Partial<SharedFields>): Sampling {
  const repetitionPenalty = rest.repetition_penalty ?? 1
  const doSample = temperature > coldest && topP > 0 && topK !== 1
  if (!doSample) return { doSample, temperature: 1, topK: 0, topP: 1, repetitionPenalty }
  return { doSample, temperature, topK: Math.max(0, topK), topP, repetitionPenalty }
}

/** What a stream is to tell. @throws ApiError 400. */
export function streamOf({ stream = false, stream_options: options }: Partial<SharedFields>) {
  checkRequest(stream || options === undefined, 'stream_options', () => 'stream_options goes with stream: true')
  return { isStream: stream, isUsageTold: options?.include_usage ?? false }
}

/** A seed of the request's, or one that nobody knows. */
export function seedOf({ seed }: Partial<SharedFields>): number {
  return seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
}

/** What may be asked for at once. */
export interface RequestLimits {
  readonly maxChoices: number
  readonly maxTokens: number
  /** Tokens that the model reads. */
  readonly maxContext: number
}

/** Characters for each token that a model reads: words have about four, and a text is encoded as a whole. */
const charactersPerToken = 16

/**
 * Sees that a prompt is not so long that just encoding it would keep others waiting. @param param Where it stands.
 * @throws ApiError 400.
 */
export function checkLength(prompt: string | readonly number[], param: string, { maxContext }: RequestLimits): void {
  const most = typeof prompt === 'string' ? charactersPerToken * maxContext : maxContext
  const unit = typeof prompt === 'string' ? 'characters' : 'tokens'
  checkRequest(
    prompt.length <= most,
    param,
    () =>
      `the prompt has ${prompt.length} ${unit}, and this server takes ${most}: the model reads ${maxContext} tokens`,
    'context_length_exceeded',
  )
}

/**
 * Sees that prompts and answers are no more than may be.
 * @param wanted New tokens, `null` for as many as there is room for. @returns New tokens of each answer.
 * @throws ApiError 400.
 */
export function checkLimits(
  prompts: readonly Prompt[],
  n: number,
  wanted: number | null,
  { maxChoices, maxTokens, maxContext }: RequestLimits,
): number {
  const longest = Math.max(...prompts.map(({ ids }) => ids.length))
  const choices = prompts.length * n
  checkRequest(choices <= maxChoices, 'n', () => {
    return `${prompts.length} prompts with ${n} answers each are ${choices} answers, and this server gives at most ${maxChoices}`
  })
  checkRequest((wanted ?? 0) <= maxTokens, 'max_tokens', () => {
    return `max_tokens is ${wanted}, and this server gives at most ${maxTokens}`
  })
  const tokens = longest + (wanted ?? 1)
  checkRequest(
    tokens <= maxContext,
    'prompt',
    () => {
      return `the prompt has ${longest} tokens and ${wanted ?? 1} more are asked for, and the model reads ${maxContext} together`
    },
    'context_length_exceeded',
  )
  return wanted ?? Math.min(maxTokens, maxContext - longest)
}
