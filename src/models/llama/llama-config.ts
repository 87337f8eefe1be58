import { check } from '../../core/errors.ts'
import { readArgument } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { ModelConfig } from '../causal-lm.ts'
import { ConfigFields, type ConfigJson, configJsonRule, configRule, mostHeads, mostLayers } from '../config-fields.ts'
import { refuseForeign } from '../foreign-fields.ts'
import { formatRope, parseRope, type RopeConfig } from '../positions/rope-config.ts'

/** What Llama's decoder is made of, and those of architectures that compute as it does. */
export interface LlamaFields extends ModelConfig {
  readonly intermediateSize: number
  /** Key and value heads, each of which serves numAttentionHeads / numKeyValueHeads query heads. */
  readonly numKeyValueHeads: number
  /** Channels of a head. */
  readonly headDim: number
  readonly rmsNormEps: number
  readonly rope: RopeConfig
}

/** What a model of Llama's architecture is made of, such as Falcon 3, in the words of Hugging Face's config.json. */
export interface LlamaConfig extends LlamaFields {
  readonly modelType: 'llama'
  /** Whether the projections of attention, and of the MLP, have biases. */
  readonly attentionBias: boolean
  readonly mlpBias: boolean
}

/** A config of it that a caller gives. */
export const llamaRule = configRule<LlamaConfig>('llama')

/**
 * Reads a config.json.
 * @throws MedAwareError `unsupported` for another architecture, activation or dropout, `config` for a missing or
 * senseless value; each names the key.
 */
export function parseLlamaConfig(json: ConfigJson): LlamaConfig {
  readArgument('parseLlamaConfig', 'json', json, configJsonRule)
  checkModelType(json, 'llama')
  const fields = new ConfigFields(json, 'llama')
  return {
    modelType: 'llama',
    ...parseLlamaFields(json, 'llama'),
    attentionBias: fields.flag('attention_bias', false),
    mlpBias: fields.flag('mlp_bias', false),
  }
}

/** @throws MedAwareError `unsupported` for a config of another architecture. */
export function checkModelType(json: ConfigJson, wanted: string): void {
  const type = json['model_type']
  check(type === wanted, 'unsupported', () => {
    return `${wanted}: config.json has model_type ${show(type)}; this loader reads ${show(wanted)}`
  })
}

/**
 * Reads what configs of Llama's decoder have in common, and refuses what none of them does.
 * @param who Whom errors speak for: the architecture.
 * @throws MedAwareError as `parseLlamaConfig`.
 */
export function parseLlamaFields(json: ConfigJson, who: string): Omit<LlamaFields, 'modelType'> {
  const fields = new ConfigFields(json, who)
  refuseForeign(fields)
  // Falcon's and others' words for what this architecture does not do.
  for (const key of ['alibi', 'bias', 'multi_query', 'parallel_attn', 'new_decoder_architecture'])
    fields.only(key, false)
  fields.only('activation', 'silu', 'swish')
  fields.only('hidden_dropout', 0)
  fields.only('hidden_act', 'silu', 'swish')
  fields.only('attention_dropout', 0)
  const hiddenSize = fields.whole(['hidden_size'])
  const numAttentionHeads = fields.whole(['num_attention_heads'], { most: mostHeads })
  fields.divides(hiddenSize, 'hidden_size', numAttentionHeads, 'num_attention_heads')
  const numKeyValueHeads = fields.whole(['num_key_value_heads'], { fallback: numAttentionHeads })
  fields.divides(numAttentionHeads, 'num_attention_heads', numKeyValueHeads, 'num_key_value_heads')
  const headDim = fields.whole(['head_dim'], { fallback: hiddenSize / numAttentionHeads, most: mostHeads })
  const maxPositionEmbeddings = fields.whole(['max_position_embeddings'], { fallback: 2048 })
  return {
    vocabSize: fields.whole(['vocab_size']),
    hiddenSize,
    intermediateSize: fields.whole(['intermediate_size']),
    numHiddenLayers: fields.whole(['num_hidden_layers'], { most: mostLayers }),
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    rmsNormEps: fields.positive(['rms_norm_eps'], { fallback: 1e-6, most: 1 }),
    rope: parseRope(json, who, headDim, maxPositionEmbeddings),
    tieWordEmbeddings: fields.flag('tie_word_embeddings', false),
    maxPositionEmbeddings,
    initializerRange: fields.positive(['initializer_range'], { fallback: 0.02, most: 1 }),
    bosTokenId: fields.tokenIds('bos_token_id'),
    eosTokenId: fields.tokenIds('eos_token_id'),
  }
}

/** The config.json that transformers reads back as the same model. */
export function formatLlamaConfig(config: LlamaConfig): ConfigJson {
  readArgument('formatLlamaConfig', 'config', config, llamaRule)
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    ...formatLlamaFields(config),
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
  }
}

/** What config.json says of the fields that configs of Llama's decoder have in common. */
export function formatLlamaFields(config: LlamaFields): ConfigJson {
  return {
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    rms_norm_eps: config.rmsNormEps,
    ...formatRope(config.rope),
    attention_dropout: 0,
    max_position_embeddings: config.maxPositionEmbeddings,
    initializer_range: config.initializerRange,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    tie_word_embeddings: config.tieWordEmbeddings,
  }
}
