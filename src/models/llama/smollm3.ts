import { check } from '../../core/errors.ts'
import { readArgument } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { Architecture } from '../architecture.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule } from '../config-fields.ts'
import type { WeightSource } from '../weight-picker.ts'
import { parseLayerTypes, parseWindow, windowOf, type WindowFields } from './layer-types.ts'
import { checkModelType, formatLlamaFields, type LlamaFields, parseLlamaFields } from './llama-config.ts'
import { LlamaDecoder, llamaPieces, rotaryBuffers, rotaryPositions } from './llama-decoder.ts'

/** What a SmolLM3 is made of, in the words of Hugging Face's config.json. */
export interface SmolLm3Config extends LlamaFields, WindowFields {
  readonly modelType: 'smollm3'
  /** Of each layer: 1 where queries and keys are turned by rotary angles, 0 where they are not. */
  readonly noRopeLayers: readonly number[]
  /** Whether the projections of attention, and of the MLP, have biases. */
  readonly attentionBias: boolean
  readonly mlpBias: boolean
}

/**
 * SmolLM3 as transformers computes it (modeling_smollm3.py): Llama's decoder, some of whose layers know no positions
 * (NoPE, arXiv 2501.18795); these may have a sliding window. PEFT has no default targets for it.
 */
export class SmolLm3ForCausalLM extends LlamaDecoder<SmolLm3Config> {
  override readonly loraTargets = []

  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: SmolLm3Config, weights: WeightSource) {
    const { attentionBias, mlpBias, noRopeLayers } = config
    const biases = { queries: attentionBias, output: attentionBias, mlp: mlpBias }
    const positions = rotaryPositions(config, (layer) => ({
      slidingWindow: windowOf(config, layer),
      ...(noRopeLayers[layer] === 0 && { rotary: null }),
    }))
    super(config, weights, llamaPieces(config, { biases }), positions)
  }
}

/**
 * Reads a config.json.
 * @throws MedAwareError `unsupported` for another architecture, `config` for a missing or senseless value; each names
 * the key.
 */
export function parseSmolLm3Config(json: ConfigJson): SmolLm3Config {
  readArgument('parseSmolLm3Config', 'json', json, configJsonRule)
  const who = 'smollm3'
  checkModelType(json, who)
  const fields = new ConfigFields(json, who)
  const common = parseLlamaFields({ ...usual, ...json, use_sliding_window: false, no_rope_layers: null }, who)
  const { numHiddenLayers: layers } = common
  const noRopeLayers = parseNoRopeLayers(fields, who, layers)
  const slidingWindow = fields.flag('use_sliding_window', false) ? parseWindow(json, fields, null) : null
  const windows = parseLayerTypes(fields, who, { layers, slidingWindow }, (layer) => {
    return slidingWindow !== null && noRopeLayers[layer] === 0 ? 'sliding_attention' : 'full_attention'
  })
  const attentionBias = fields.flag('attention_bias', false)
  const mlpBias = fields.flag('mlp_bias', false)
  return { modelType: 'smollm3', ...common, ...windows, noRopeLayers, attentionBias, mlpBias }
}

/** What transformers takes where the file says nothing. */
const usual = {
  num_key_value_heads: 4,
  max_position_embeddings: 32768,
  rope_theta: 2e6,
  tie_word_embeddings: true,
  bos_token_id: 128000,
  eos_token_id: 128001,
}

/** 1 for a layer whose queries and keys are turned; a longer list has some to spare. */
function parseNoRopeLayers(fields: ConfigFields, who: string, layers: number): readonly number[] {
  const interval = fields.whole(['no_rope_layer_interval'], { fallback: 4 })
  const given =
    fields.given(['no_rope_layers']) ?? Array.from({ length: layers }, (_, layer) => +((layer + 1) % interval !== 0))
  check(areFlags(given) && given.length >= layers, 'config', () => {
    return `${who}: config.json needs no_rope_layers as a 0 or a 1 for each of ${layers} layers, got ${show(given)}`
  })
  return given.slice(0, layers)
}

function areFlags(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((one) => one === 0 || one === 1)
}

/** The pad_token_id of transformers' SmolLM3Config. */
const usualPadding = 128004

/** The config.json that transformers reads back as the same model. */
export function formatSmolLm3Config(config: SmolLm3Config): ConfigJson {
  readArgument('formatSmolLm3Config', 'config', config, configRule<SmolLm3Config>('smollm3'))
  return {
    model_type: 'smollm3',
    architectures: ['SmolLM3ForCausalLM'],
    ...formatLlamaFields(config),
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    no_rope_layers: config.noRopeLayers,
    use_sliding_window: config.slidingWindow !== null,
    sliding_window: config.slidingWindow,
    layer_types: config.layerTypes,
    // SmolLM3Config takes this id where none is named, and no model whose vocabulary ends before it can be made there.
    ...(config.vocabSize <= usualPadding && { pad_token_id: null }),
  }
}

export const smolLm3: Architecture<SmolLm3Config> = {
  modelType: 'smollm3',
  parse: parseSmolLm3Config,
  format: formatSmolLm3Config,
  create: (config, weights) => new SmolLm3ForCausalLM(config, weights),
  ignores: rotaryBuffers,
}
