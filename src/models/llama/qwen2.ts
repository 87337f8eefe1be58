import { check } from '../../core/errors.ts'
import { readArgument } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { Architecture } from '../architecture.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule } from '../config-fields.ts'
import { formatLlamaFields, type LlamaFields, parseLlamaFields } from './llama-config.ts'
import { LlamaDecoder } from './llama.ts'
import type { WeightSource } from '../weight-picker.ts'

/** What a Qwen2 or Qwen2.5 is made of, in the words of Hugging Face's config.json. */
export interface Qwen2Config extends LlamaFields {
  readonly modelType: 'qwen2'
}

/**
 * Qwen2 as transformers computes it (modeling_qwen2.py): Llama's decoder with biases on queries, keys and values, and
 * no others. Every layer sees the whole text: sliding windows are refused.
 */
export class Qwen2ForCausalLM extends LlamaDecoder<Qwen2Config> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: Qwen2Config, weights: WeightSource) {
    super(config, weights, { queries: true, output: false, mlp: false })
  }
}

/**
 * Reads a config.json.
 * @throws MedAwareError `unsupported` for another architecture, a sliding window or biases elsewhere, `config` for a
 * missing or senseless value; each names the key.
 */
export function parseQwen2Config(json: ConfigJson): Qwen2Config {
  readArgument('parseQwen2Config', 'json', json, configJsonRule)
  const type = json['model_type']
  check(type === 'qwen2', 'unsupported', () => {
    return `qwen2: config.json has model_type ${show(type)}; this loader reads "qwen2"`
  })
  const fields = new ConfigFields(json, 'qwen2')
  fields.only('use_sliding_window', false)
  const layers = fields.given(['layer_types']) ?? []
  check(Array.isArray(layers) && layers.every((one) => one === 'full_attention'), 'unsupported', () => {
    return `qwen2: config.json has layer_types ${show(layers)}; only "full_attention" is known`
  })
  fields.only('attention_bias', true)
  fields.only('mlp_bias', false)
  // What transformers takes where the file says nothing; some say the size of a window that they do not use.
  const usual = { num_key_value_heads: 32, max_position_embeddings: 32768 }
  const all = { ...usual, ...json, use_sliding_window: false }
  return { modelType: 'qwen2', ...parseLlamaFields(all, 'qwen2') }
}

/** The config.json that transformers reads back as the same model. */
export function formatQwen2Config(config: Qwen2Config): ConfigJson {
  readArgument('formatQwen2Config', 'config', config, configRule<Qwen2Config>('qwen2'))
  return {
    model_type: 'qwen2',
    architectures: ['Qwen2ForCausalLM'],
    ...formatLlamaFields(config),
    use_sliding_window: false,
  }
}

export const qwen2: Architecture<Qwen2Config> = {
  modelType: 'qwen2',
  parse: parseQwen2Config,
  format: formatQwen2Config,
  create: (config, weights) => new Qwen2ForCausalLM(config, weights),
  // Converters write these.
  ignores: ['rotary_emb.inv_freq', 'rotary_emb.cos_cached', 'rotary_emb.sin_cached'],
}
