import { check } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import {
  either,
  flag,
  listOf,
  number,
  oneOf,
  type OptionRules,
  orNull,
  readArgument,
  readOptions,
  that,
  whole,
} from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { ModelConfig } from '../causal-lm.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule, mostHeads, mostLayers } from '../config-fields.ts'
import { refuseForeign } from '../foreign-fields.ts'
import { formatRope, parseRope, type RopeConfig } from '../positions/rope-config.ts'

/** What a Falcon is made of, in the words of Hugging Face's config.json. */
export interface FalconConfig extends ModelConfig {
  readonly modelType: 'falcon'
  /** Key and value heads, each of which serves numAttentionHeads / numKvHeads query heads. */
  readonly numKvHeads: number
  readonly ffnHiddenSize: number
  readonly layerNormEpsilon: number
  /** Rotary positions; `null` for ALiBi. */
  readonly rope: RopeConfig | null
  /** Whether projections have biases. */
  readonly bias: boolean
  /** Whether attention and MLP read the same layer's input side by side, and are added to it together. */
  readonly parallelAttn: boolean
  /**
   * Falcon-40B's decoder: key and value heads stand with the query heads that they serve, always side by side with the
   * MLP.
   */
  readonly newDecoderArchitecture: boolean
  /** Normalisations of a layer that is parallel: one for both, or `ln_attn` and `ln_mlp`. */
  readonly numLnInParallelAttn: 1 | 2
}

/** What config.json calls a Falcon of the first releases. */
export const falconAliases = ['RefinedWebModel', 'RefinedWeb'] as const

/** A config of it that a caller gives. */
export const falconRule = configRule<FalconConfig>('falcon')

/**
 * Reads a config.json, also in the words of Falcon's first releases (RefinedWebModel, n_head, n_layer, n_head_kv).
 * @throws MedAwareError `unsupported` for another architecture, activation or dropout, `config` for a missing or
 * senseless value; each names the key.
 */
export function parseFalconConfig(json: ConfigJson): FalconConfig {
  readArgument('parseFalconConfig', 'json', json, configJsonRule)
  const type = json['model_type']
  check(
    ['falcon', ...falconAliases].some((known) => known === type),
    'unsupported',
    () => `falcon: config.json has model_type ${show(type)}; this loader reads "falcon"`,
  )
  const fields = new ConfigFields(json, 'falcon')
  refuseForeign(fields)
  for (const key of ['activation', 'hidden_act']) fields.only(key, 'gelu', 'gelu_python')
  for (const key of ['hidden_dropout', 'attention_dropout']) fields.only(key, 0)
  const hiddenSize = fields.whole(['hidden_size', 'n_embed'])
  const numAttentionHeads = fields.whole(['num_attention_heads', 'n_head'], { most: mostHeads })
  fields.divides(hiddenSize, 'hidden_size', numAttentionHeads, 'num_attention_heads')
  // The first Falcon-40B had key heads of its own number, and no other mark of its decoder.
  const newDecoderArchitecture = fields.flag('new_decoder_architecture', fields.given(['n_head_kv']) !== undefined)
  const numKvHeads = newDecoderArchitecture
    ? fields.whole(['num_kv_heads', 'n_head_kv'], { fallback: numAttentionHeads })
    : fields.flag('multi_query', true)
      ? 1
      : numAttentionHeads
  fields.divides(numAttentionHeads, 'num_attention_heads', numKvHeads, 'num_kv_heads')
  const norms = fields.whole(['num_ln_in_parallel_attn'], { fallback: newDecoderArchitecture ? 2 : 1 })
  check(norms <= 2, 'config', () => `falcon: config.json needs num_ln_in_parallel_attn 1 or 2, got ${norms}`)
  const parallelAttn = fields.flag('parallel_attn', true)
  // What transformers makes of these does not run either.
  if (newDecoderArchitecture) fields.only('parallel_attn', true)
  else if (parallelAttn) fields.only('num_ln_in_parallel_attn', 1)
  if (!newDecoderArchitecture && numKvHeads > 1) fields.only('num_kv_heads', numAttentionHeads)
  const headDim = hiddenSize / numAttentionHeads
  check(headDim <= mostHeads, 'config', () => {
    return `falcon: config.json needs heads of at most ${mostHeads} channels, got hidden_size ${hiddenSize} for ${numAttentionHeads} heads`
  })
  fields.only('head_dim', headDim)
  const bias = fields.flag('bias', false)
  for (const key of ['attention_bias', 'mlp_bias']) fields.only(key, bias)
  const alibi = fields.flag('alibi', false)
  fields.only('rotary', !alibi)
  const maxPositionEmbeddings = fields.whole(['max_position_embeddings'], { fallback: 2048 })
  return {
    modelType: 'falcon',
    vocabSize: fields.whole(['vocab_size']),
    hiddenSize,
    numHiddenLayers: fields.whole(['num_hidden_layers', 'n_layer'], { most: mostLayers }),
    numAttentionHeads,
    numKvHeads,
    ffnHiddenSize: fields.whole(['ffn_hidden_size'], { fallback: 4 * hiddenSize }),
    layerNormEpsilon: fields.positive(['layer_norm_epsilon'], { fallback: 1e-5, most: 1 }),
    rope: alibi ? null : parseRope(json, 'falcon', headDim, maxPositionEmbeddings),
    bias,
    parallelAttn,
    newDecoderArchitecture,
    numLnInParallelAttn: newDecoderArchitecture && norms === 2 ? 2 : 1,
    tieWordEmbeddings: fields.flag('tie_word_embeddings', true),
    maxPositionEmbeddings,
    initializerRange: fields.positive(['initializer_range'], { fallback: 0.02, most: 1 }),
    bosTokenId: fields.tokenIds('bos_token_id'),
    eosTokenId: fields.tokenIds('eos_token_id'),
  }
}

/** The sizes a Falcon is chosen by; the rest has the defaults of transformers' FalconConfig. */
export type FalconSizes = Pick<FalconConfig, 'vocabSize' | 'hiddenSize' | 'numHiddenLayers' | 'numAttentionHeads'>

/**
 * A Falcon-RW of one's own, to be trained from nothing.
 * @throws MedAwareError `config` for a name that is none, and sizes that are none or do not fit; `unsupported` as
 * `parseFalconConfig`.
 */
export function falconRwConfig(sizes: FalconSizes & Partial<FalconConfig>): FalconConfig {
  const given = readOptions('falconRwConfig', sizes, sizesRules)
  const usual = parseFalconConfig({
    model_type: 'falcon',
    ...falconRw,
    vocab_size: given.vocabSize,
    hidden_size: given.hiddenSize,
    num_hidden_layers: given.numHiddenLayers,
    num_attention_heads: given.numAttentionHeads,
  })
  return parseFalconConfig(formatFalconConfig({ ...usual, ...given }))
}

const size = whole({ from: 1 })
const positive = number({ above: 0 })
const tokenIds = orNull(either(whole({ from: 0 }), listOf(whole({ from: 0 }))))
const sizesRules: OptionRules<FalconSizes & Partial<FalconConfig>> = {
  modelType: oneOf(['falcon']),
  vocabSize: size,
  hiddenSize: size,
  numHiddenLayers: size,
  numAttentionHeads: size,
  numKvHeads: size,
  ffnHiddenSize: size,
  layerNormEpsilon: positive,
  rope: orNull(
    that('a RopeConfig', (value): value is RopeConfig => isJsonObject(value) && isJsonObject(value['scaling'] ?? {})),
  ),
  bias: flag,
  parallelAttn: flag,
  newDecoderArchitecture: flag,
  numLnInParallelAttn: that('1 or 2', (value): value is 1 | 2 => value === 1 || value === 2),
  tieWordEmbeddings: flag,
  maxPositionEmbeddings: size,
  initializerRange: positive,
  bosTokenId: tokenIds,
  eosTokenId: tokenIds,
}

/** What makes a Falcon a Falcon-RW: ALiBi, one key per query head, blocks in sequence, biases. */
const falconRw = { alibi: true, multi_query: false, parallel_attn: false, bias: true, new_decoder_architecture: false }

/** The config.json that transformers reads back as the same model. */
export function formatFalconConfig(config: FalconConfig): ConfigJson {
  readArgument('formatFalconConfig', 'config', config, falconRule)
  return {
    model_type: 'falcon',
    architectures: ['FalconForCausalLM'],
    alibi: config.rope === null,
    ...(config.rope === null ? {} : formatRope(config.rope)),
    multi_query: config.numKvHeads === 1 && config.numAttentionHeads > 1,
    parallel_attn: config.parallelAttn,
    bias: config.bias,
    new_decoder_architecture: config.newDecoderArchitecture,
    num_ln_in_parallel_attn: config.newDecoderArchitecture ? config.numLnInParallelAttn : null,
    activation: 'gelu',
    attention_dropout: 0,
    hidden_dropout: 0,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_kv_heads: config.numKvHeads,
    ffn_hidden_size: config.ffnHiddenSize,
    layer_norm_epsilon: config.layerNormEpsilon,
    max_position_embeddings: config.maxPositionEmbeddings,
    initializer_range: config.initializerRange,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    tie_word_embeddings: config.tieWordEmbeddings,
  }
}
