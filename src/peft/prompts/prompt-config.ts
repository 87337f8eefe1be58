import { check } from '../../core/errors.ts'
import { type OptionRules, orNull, that, whole } from '../../core/options.ts'
import type { Adaptable } from '../adaptable.ts'
import { type AdapterConfig, commonDefaults, commonRules } from '../config/config-fields.ts'
import { lackingAnywhere } from '../config/features.ts'
import { isPromptable, type Promptable } from './promptable.ts'

/**
 * What the config of every prompt has, in PEFT's words (peft/config.py, PromptLearningConfig). But for the number of
 * virtual tokens it says what the model is, and is the model's where it is not given.
 */
export interface PromptLearningConfig extends AdapterConfig {
  /** Virtual tokens that stand before a text. It has to be given. */
  readonly numVirtualTokens: number
  /** Channels of a vector; of a prefix those of a token's keys in one block. */
  readonly tokenDim: number | null
  /** Models that the prompt stands before; only 1. */
  readonly numTransformerSubmodules: 1 | null
  /** Heads of attention; of a prefix heads of keys. */
  readonly numAttentionHeads: number | null
  /** Decoder blocks. */
  readonly numLayers: number | null
}

type Common = Omit<PromptLearningConfig, 'peftType'>
const size = orNull(whole({ from: 1 }))

export const promptDefaults: Common = {
  numVirtualTokens: 0,
  tokenDim: null,
  numTransformerSubmodules: null,
  numAttentionHeads: null,
  numLayers: null,
  ...commonDefaults,
}

export const promptRules: OptionRules<Common> = {
  numVirtualTokens: whole({ from: 1 }),
  tokenDim: size,
  numTransformerSubmodules: orNull(that('1, for a decoder', (value): value is 1 => value === 1)),
  numAttentionHeads: size,
  numLayers: size,
  ...commonRules,
}

/** What of PEFT's prompts is not here. */
export const promptLacking = { taskType: lackingAnywhere.taskType }

/** @throws MedAwareError `config`. */
export function checkPromptConfig(
  { numVirtualTokens }: PromptLearningConfig,
  who: string,
  nameOf: (field: string) => string,
): void {
  check(numVirtualTokens > 0, 'config', () => {
    return `${who}: ${nameOf('numVirtualTokens')} must be given, such as 20: tokens that stand before a text`
  })
}

/** Sizes of a model, by fields. */
export type PromptSizes = Readonly<Record<'tokenDim' | 'numAttentionHeads' | 'numLayers', number>>

/** What vectors in the place of embeddings have. */
export function vectorSizes({ config }: Promptable): PromptSizes {
  const { hiddenSize: tokenDim, numAttentionHeads, numHiddenLayers: numLayers } = config
  return { tokenDim, numAttentionHeads, numLayers }
}

/** Defaults that a model has for its prompts. @param sizesOf What they are to have. */
export function promptSizesFor(sizesOf: (model: Promptable) => PromptSizes): (model: Adaptable) => Partial<Common> {
  return (model) => (isPromptable(model) ? { ...sizesOf(model), numTransformerSubmodules: 1 } : {})
}

/** Sees that a config's sizes are the model's. @throws MedAwareError `config`. */
export function checkPromptSizes(who: string, config: PromptLearningConfig, sizes: PromptSizes): void {
  for (const field of ['tokenDim', 'numAttentionHeads', 'numLayers'] as const) {
    const [given, own] = [config[field] ?? sizes[field], sizes[field]]
    check(given === own, 'config', () => `${who}: ${field} ${given} is not the model's, ${own}; leave it out`)
  }
}
