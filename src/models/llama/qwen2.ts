import { readArgument } from '../../core/options.ts'
import type { Architecture } from '../architecture.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule } from '../config-fields.ts'
import type { WeightSource } from '../weight-picker.ts'
import { windowOf, type WindowFields } from './layer-types.ts'
import { checkModelType, formatLlamaFields, type LlamaFields, parseLlamaFields } from './llama-config.ts'
import { LlamaDecoder, llamaPieces, rotaryBuffers, rotaryPositions } from './llama-decoder.ts'
import { formatQwenWindows, parseQwenWindows } from './qwen-windows.ts'

/** What a Qwen2 or Qwen2.5 is made of, in the words of Hugging Face's config.json. */
export interface Qwen2Config extends LlamaFields, WindowFields {
  readonly modelType: 'qwen2'
}

/**
 * Qwen2 as transformers computes it (modeling_qwen2.py): Llama's decoder with biases on queries, keys and values, and
 * no others; some layers may have a sliding window.
 */
export class Qwen2ForCausalLM extends LlamaDecoder<Qwen2Config> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: Qwen2Config, weights: WeightSource) {
    const biases = { queries: true, output: false, mlp: false }
    const positions = rotaryPositions(config, (layer) => ({ slidingWindow: windowOf(config, layer) }))
    super(config, weights, llamaPieces(config, { biases }), positions)
  }
}

/**
 * Reads a config.json.
 * @throws MedAwareError `unsupported` for another architecture or biases elsewhere, `config` for a missing or senseless
 * value; each names the key.
 */
export function parseQwen2Config(json: ConfigJson): Qwen2Config {
  readArgument('parseQwen2Config', 'json', json, configJsonRule)
  checkModelType(json, 'qwen2')
  const fields = new ConfigFields(json, 'qwen2')
  fields.only('attention_bias', true)
  fields.only('mlp_bias', false)
  // What transformers takes where the file says nothing; the windows are read below.
  const usual = { num_key_value_heads: 32, max_position_embeddings: 32768 }
  const common = parseLlamaFields({ ...usual, ...json, use_sliding_window: false }, 'qwen2')
  return { modelType: 'qwen2', ...common, ...parseQwenWindows(json, 'qwen2', common.numHiddenLayers) }
}

/** The config.json that transformers reads back as the same model. */
export function formatQwen2Config(config: Qwen2Config): ConfigJson {
  readArgument('formatQwen2Config', 'config', config, configRule<Qwen2Config>('qwen2'))
  return {
    model_type: 'qwen2',
    architectures: ['Qwen2ForCausalLM'],
    ...formatLlamaFields(config),
    ...formatQwenWindows(config),
  }
}

export const qwen2: Architecture<Qwen2Config> = {
  modelType: 'qwen2',
  parse: parseQwen2Config,
  format: formatQwen2Config,
  create: (config, weights) => new Qwen2ForCausalLM(config, weights),
  ignores: rotaryBuffers,
}
