import { readArgument } from '../../core/options.ts'
import type { Architecture } from '../architecture.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule } from '../config-fields.ts'
import type { WeightPicker, WeightSource } from '../weight-picker.ts'
import { windowOf, type WindowFields } from './layer-types.ts'
import { checkModelType, formatLlamaFields, type LlamaFields, parseLlamaFields } from './llama-config.ts'
import { LlamaDecoder, llamaPieces, rotaryBuffers, rotaryPositions } from './llama-decoder.ts'
import { formatQwenWindows, parseQwenWindows } from './qwen-windows.ts'

/** What a Qwen3 is made of, in the words of Hugging Face's config.json. */
export interface Qwen3Config extends LlamaFields, WindowFields {
  readonly modelType: 'qwen3'
  /** Whether the projections of attention have biases. */
  readonly attentionBias: boolean
}

/**
 * Qwen3 as transformers computes it (modeling_qwen3.py): Llama's decoder, but each head's queries and keys are
 * normalised before they are turned, and a head's channels are their own number; some layers may have a sliding window.
 */
export class Qwen3ForCausalLM extends LlamaDecoder<Qwen3Config> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: Qwen3Config, weights: WeightSource) {
    const { attentionBias, headDim, rmsNormEps } = config
    const biases = { queries: attentionBias, output: attentionBias, mlp: false }
    const headNorm = (get: WeightPicker, name: string) => get.rmsNorm(name, headDim, rmsNormEps)
    const positions = rotaryPositions(config, (layer) => ({ slidingWindow: windowOf(config, layer) }))
    super(config, weights, llamaPieces(config, { biases, headNorm }), positions)
  }
}

/**
 * Reads a config.json.
 * @throws MedAwareError `unsupported` for another architecture or biases of the MLP, `config` for a missing or
 * senseless value; each names the key.
 */
export function parseQwen3Config(json: ConfigJson): Qwen3Config {
  readArgument('parseQwen3Config', 'json', json, configJsonRule)
  checkModelType(json, 'qwen3')
  const fields = new ConfigFields(json, 'qwen3')
  fields.only('mlp_bias', false)
  // What transformers takes where the file says nothing; the windows are read below.
  const usual = { num_key_value_heads: 32, head_dim: 128, max_position_embeddings: 32768 }
  const common = parseLlamaFields({ ...usual, ...json, use_sliding_window: false }, 'qwen3')
  return {
    modelType: 'qwen3',
    ...common,
    attentionBias: fields.flag('attention_bias', false),
    ...parseQwenWindows(json, 'qwen3', common.numHiddenLayers),
  }
}

/** The config.json that transformers reads back as the same model. */
export function formatQwen3Config(config: Qwen3Config): ConfigJson {
  readArgument('formatQwen3Config', 'config', config, configRule<Qwen3Config>('qwen3'))
  return {
    model_type: 'qwen3',
    architectures: ['Qwen3ForCausalLM'],
    ...formatLlamaFields(config),
    attention_bias: config.attentionBias,
    ...formatQwenWindows(config),
  }
}

export const qwen3: Architecture<Qwen3Config> = {
  modelType: 'qwen3',
  parse: parseQwen3Config,
  format: formatQwen3Config,
  create: (config, weights) => new Qwen3ForCausalLM(config, weights),
  ignores: rotaryBuffers,
}
