import { check } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import { readArgument } from '../../core/options.ts'
import { showNames } from '../../core/show.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule } from '../config-fields.ts'
import { parseLayerTypes, parseWindow, type WindowFields } from '../llama/layer-types.ts'
import { checkModelType, formatLlamaFields, type LlamaFields, parseLlamaFields } from '../llama/llama-config.ts'
import { formatRope, parseRope, type RopeConfig } from '../positions/rope-config.ts'

/** What the text model of a Gemma 3 is made of, in the words of Hugging Face's config.json. */
export interface Gemma3Config extends LlamaFields, WindowFields {
  readonly modelType: 'gemma3_text'
  /** Angles of layers that slide; `rope` has those of layers that see all. */
  readonly ropeLocal: RopeConfig
  /** Products of queries and keys are divided by its root. */
  readonly queryPreAttnScalar: number
  /** Whether the projections of attention have biases. */
  readonly attentionBias: boolean
}

/**
 * Reads a config.json, as transformers writes it before its version 5 (`rope_theta`, `rope_local_base_freq`,
 * `sliding_window_pattern`) and since (`rope_parameters` with a table for each kind of layer, `layer_types`).
 * @throws MedAwareError `unsupported` for another architecture, soft caps or attention in both directions, `config` for
 * a missing or senseless value; each names the key.
 */
export function parseGemma3Config(json: ConfigJson): Gemma3Config {
  readArgument('parseGemma3Config', 'json', json, configJsonRule)
  checkModelType(json, who)
  const fields = new ConfigFields(json, who)
  fields.only('hidden_activation', 'gelu_pytorch_tanh')
  fields.only('use_bidirectional_attention', false)
  fields.only('mlp_bias', false)
  const { full, local } = ropeTables(json)
  // Its activation was read above; hidden_act is not Gemma's word, and transformers reads past it.
  const common = parseLlamaFields({ ...usual, ...json, ...unread, ...full }, who)
  const { numHiddenLayers: layers, headDim, maxPositionEmbeddings } = common
  const slidingWindow = parseWindow(json, fields, 4096)
  const pattern = fields.whole(['sliding_window_pattern', '_sliding_window_pattern'], { fallback: 6 })
  const windows = parseLayerTypes(fields, who, { layers, slidingWindow }, (layer) => {
    return (layer + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention'
  })
  return {
    modelType: 'gemma3_text',
    ...common,
    ...windows,
    ropeLocal: parseRope(local, who, headDim, maxPositionEmbeddings),
    queryPreAttnScalar: fields.positive(['query_pre_attn_scalar'], { fallback: 256, most: 1e6 }),
    attentionBias: fields.flag('attention_bias', false),
  }
}

const who = 'gemma3_text'

/** What transformers takes where the file says nothing. */
const usual = {
  vocab_size: 262208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  max_position_embeddings: 131072,
  tie_word_embeddings: true,
  bos_token_id: 2,
  eos_token_id: 1,
}
const unread = { use_sliding_window: false, hidden_act: null }

/** Words of rotary positions for layers that see all, and for those that slide. */
function ropeTables(json: ConfigJson): { readonly full: ConfigJson; readonly local: ConfigJson } {
  const tables = json['rope_parameters'] ?? {}
  check(isJsonObject(tables), 'config', () => `${who}: config.json needs rope_parameters as an object`)
  const kinds = ['full_attention', 'sliding_attention']
  const strange = Object.keys(tables).filter((name) => !kinds.includes(name))
  check(strange.length === 0, 'config', () => {
    return `${who}: rope_parameters has ${showNames(strange)}; it holds a table for each of ${kinds.join(' and ')}`
  })
  return {
    full: { rope_parameters: tables['full_attention'] ?? null, rope_theta: json['rope_theta'] ?? 1e6 },
    local: { rope_parameters: tables['sliding_attention'] ?? null, rope_theta: json['rope_local_base_freq'] ?? 1e4 },
  }
}

/** The config.json that transformers reads back as the same model, before its version 5 and since. */
export function formatGemma3Config(config: Gemma3Config): ConfigJson {
  readArgument('formatGemma3Config', 'config', config, configRule<Gemma3Config>(who))
  const { hidden_act: _, ...fields } = formatLlamaFields(config)
  const [full, local] = [formatRope(config.rope), formatRope(config.ropeLocal)]
  return {
    model_type: who,
    architectures: ['Gemma3ForCausalLM'],
    ...fields,
    hidden_activation: 'gelu_pytorch_tanh',
    rope_local_base_freq: config.ropeLocal.theta,
    rope_parameters: { full_attention: full['rope_parameters'], sliding_attention: local['rope_parameters'] },
    query_pre_attn_scalar: config.queryPreAttnScalar,
    attention_bias: config.attentionBias,
    sliding_window: config.slidingWindow,
    layer_types: config.layerTypes,
  }
}
