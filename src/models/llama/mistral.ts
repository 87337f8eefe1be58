import { check } from '../../core/errors.ts'
import { readArgument } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { Architecture } from '../architecture.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule } from '../config-fields.ts'
import type { WeightSource } from '../weight-picker.ts'
import { parseWindow } from './layer-types.ts'
import { checkModelType, formatLlamaFields, type LlamaFields, parseLlamaFields } from './llama-config.ts'
import { LlamaDecoder, llamaPieces, rotaryBuffers, rotaryPositions } from './llama-decoder.ts'

/** What a Mistral is made of, in the words of Hugging Face's config.json. */
export interface MistralConfig extends LlamaFields {
  readonly modelType: 'mistral'
  /** Keys up to its own that a query sees; `null`: all. */
  readonly slidingWindow: number | null
}

/** Mistral as transformers computes it (modeling_mistral.py): Llama's decoder whose every layer may slide. */
export class MistralForCausalLM extends LlamaDecoder<MistralConfig> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: MistralConfig, weights: WeightSource) {
    const { slidingWindow } = config
    const positions = rotaryPositions(config, () => ({ slidingWindow }))
    super(config, weights, llamaPieces(config), positions)
  }
}

/**
 * Reads a config.json.
 * @throws MedAwareError `unsupported` for another architecture, biases, or layers of several kinds, `config` for a
 * missing or senseless value; each names the key.
 */
export function parseMistralConfig(json: ConfigJson): MistralConfig {
  readArgument('parseMistralConfig', 'json', json, configJsonRule)
  checkModelType(json, 'mistral')
  const fields = new ConfigFields(json, 'mistral')
  for (const key of ['attention_bias', 'mlp_bias']) fields.only(key, false)
  const slidingWindow = parseWindow(json, fields, 4096)
  const type = slidingWindow === null ? 'full_attention' : 'sliding_attention'
  const types = fields.given(['layer_types']) ?? []
  check(Array.isArray(types) && types.every((one) => one === type), 'unsupported', () => {
    const window = `sliding_window ${show(slidingWindow)}`
    return `mistral: config.json has ${window} and layer_types ${show(types)}; a Mistral's layers are all ${show(type)}`
  })
  // What transformers takes where the file says nothing.
  const usual = { num_key_value_heads: 8, max_position_embeddings: 131072, bos_token_id: 1, eos_token_id: 2 }
  const common = parseLlamaFields({ ...usual, ...json, use_sliding_window: false }, 'mistral')
  return { modelType: 'mistral', ...common, slidingWindow }
}

/** The config.json that transformers reads back as the same model. */
export function formatMistralConfig(config: MistralConfig): ConfigJson {
  readArgument('formatMistralConfig', 'config', config, configRule<MistralConfig>('mistral'))
  return {
    model_type: 'mistral',
    architectures: ['MistralForCausalLM'],
    ...formatLlamaFields(config),
    sliding_window: config.slidingWindow,
  }
}

export const mistral: Architecture<MistralConfig> = {
  modelType: 'mistral',
  parse: parseMistralConfig,
  format: formatMistralConfig,
  create: (config, weights) => new MistralForCausalLM(config, weights),
  ignores: rotaryBuffers,
}
