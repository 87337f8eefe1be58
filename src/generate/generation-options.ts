import { check, MedAwareError } from '../core/errors.ts'
import {
  abortSignal,
  type Aliases,
  either,
  flag,
  listOf,
  number,
  type OptionRules,
  orNull,
  readArgument,
  readOptions,
  that,
  whole,
  withMethods,
} from '../core/options.ts'
import { show } from '../core/show.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { Sampling, SamplingOptions } from './sampling.ts'

/**
 * How a text is continued. What is left out is as the model's `generationConfig` says, which `loadModel` reads from
 * generation_config.json, as in transformers; the defaults here are for what it does not say.
 */
export interface GenerationOptions extends SamplingOptions {
  /** The most tokens to add to each prompt. Default 128. */
  readonly maxNewTokens?: number
  /**
   * A row stops when it draws one of these; `null` for never. Default: as the model and the tokenizer say, see
   * `generateText`.
   */
  readonly eosTokenId?: number | readonly number[] | null
  /** Same seed, same tokens; each row of a batch draws from a stream of its own. Default 0. */
  readonly seed?: number
  /** Ends generating with its reason at the next token. */
  readonly signal?: AbortSignal
}

/** Generation options with nothing left open. */
export interface Generation {
  readonly maxNewTokens: number
  readonly stops: ReadonlySet<number>
  readonly seed: number
  readonly signal: AbortSignal | undefined
  readonly sampling: Sampling
}

const tokenId = whole({ from: 0 })

const rules: OptionRules<GenerationOptions> = {
  maxNewTokens: whole({ from: 1 }),
  eosTokenId: orNull(either(tokenId, listOf(tokenId))),
  seed: whole(),
  signal: abortSignal,
  doSample: flag,
  temperature: that(
    'a number above 0; for the most likely token leave doSample false',
    (value): value is number => typeof value === 'number' && value > 0 && Number.isFinite(value),
  ),
  topK: that(
    'a whole number, 0 for all tokens',
    (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0,
  ),
  topP: number({ above: 0, to: 1 }),
  repetitionPenalty: number({ above: 0 }),
}

const aliases: Aliases<GenerationOptions> = {
  maxTokens: 'maxNewTokens',
  maxLength: 'maxNewTokens',
  numPredict: 'maxNewTokens',
  eos: 'eosTokenId',
  stop: 'eosTokenId',
  stopTokenIds: 'eosTokenId',
  repeatPenalty: 'repetitionPenalty',
  sample: 'doSample',
}

/** What transformers takes where neither a caller nor a generation_config.json says. */
const usual: Sampling = { doSample: false, temperature: 1, topK: 50, topP: 1, repetitionPenalty: 1 }

/**
 * Fills in what options leave out.
 * @param usualEnds What ends a text where they do not say.
 * @throws MedAwareError `config` for an unknown option, one out of range, or one that would do nothing: `temperature`,
 * `topK` or `topP` where nothing is drawn.
 */
export function resolveOptions(
  model: CausalLm,
  options: GenerationOptions | undefined,
  usualEnds?: readonly number[],
): Generation {
  const { generationConfig, vocabSize } = checkModel(model)
  const given = readOptions('generate', options, rules, aliases)
  const { eosTokenId, maxNewTokens, seed, signal, ...sampling } = {
    ...generationConfig,
    eosTokenId: usualEnds ?? generationConfig?.eosTokenId ?? [],
    ...given,
  }
  const ends = [eosTokenId ?? []].flat()
  const resolved = { ...usual, ...sampling }
  if (!resolved.doSample) {
    const idle = (['temperature', 'topK', 'topP'] as const).find((name) => (given[name] ?? usual[name]) !== usual[name])
    check(idle === undefined, 'config', () => {
      return `generate: ${idle} does nothing where the most likely token is taken; add doSample: true, or leave it out`
    })
  }
  const beyond = given.eosTokenId === undefined ? undefined : ends.find((id) => id >= vocabSize)
  check(beyond === undefined, 'config', () => {
    return `generate: eosTokenId ${beyond} is beyond the vocabulary of ${vocabSize}; the model never says it`
  })
  return { maxNewTokens: maxNewTokens ?? 128, stops: new Set(ends), seed: seed ?? 0, signal, sampling: resolved }
}

/** @throws MedAwareError `config` for what is no model. */
export function checkModel(model: CausalLm): CausalLm {
  return readArgument('generate', 'model', model, generatorRule)
}

const generatorRule = withMethods<CausalLm>('a model, such as loadModel gives', ['lastLogits'])

/** @throws MedAwareError `config` unless prompts are lists of ids that the model has, each with at least one. */
export function checkPrompts(prompts: readonly (readonly number[])[], vocabSize: number): void {
  check(Array.isArray(prompts), 'config', () => {
    return `generate: prompts must be a list of lists of token ids, got ${show(prompts)}`
  })
  check(prompts.length > 0, 'config', () => 'generate: there is no prompt')
  for (const [i, prompt] of prompts.entries()) checkPrompt(prompt, i, vocabSize)
}

function checkPrompt(prompt: unknown, i: number, vocabSize: number): void {
  if (!Array.isArray(prompt) && !(prompt instanceof Int32Array)) {
    const remedy = typeof prompt === 'number' ? '; a prompt alone is [ids]' : ''
    throw new MedAwareError('config', `generate: prompt ${i} must be a list of token ids, got ${show(prompt)}${remedy}`)
  }
  const ids: readonly unknown[] | Int32Array = prompt
  check(ids.length > 0, 'config', () => {
    return `generate: prompt ${i} is empty; give it at least one token, such as the tokenizer's end of text`
  })
  for (let at = 0; at < ids.length; at++) {
    const id = ids[at]
    check(Number.isSafeInteger(id) && Number(id) >= 0, 'config', () => {
      return `generate: prompt ${i} has ${show(id)} at ${at}, where a token id must be`
    })
    check(Number(id) < vocabSize, 'config', () => {
      return `generate: prompt ${i} has token ${show(id)} at ${at}, beyond the model's vocabulary of ${vocabSize}; is this the model's tokenizer?`
    })
  }
}
