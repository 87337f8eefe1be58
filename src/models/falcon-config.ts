import { check, MedAwareError } from '../core/errors.ts'

/** What a Falcon-RW model is made of, in the words of Hugging Face's config.json. */
export interface FalconConfig {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly ffnHiddenSize: number
  readonly layerNormEpsilon: number
  readonly maxPositionEmbeddings: number
  readonly initializerRange: number
  readonly bosTokenId: number | null
  readonly eosTokenId: number | null
}

type Json = Readonly<Record<string, unknown>>

/**
 * Reads a config.json, also in the words of Falcon's first releases (RefinedWebModel, n_head, n_layer).
 * @throws MedAwareError `unsupported` for another architecture or a Falcon that is not of the RW kind, `config` for a missing
 * or senseless value; both name the key.
 */
export function parseFalconConfig(json: Readonly<Record<string, unknown>>): FalconConfig {
  const type = json['model_type']
  check(
    type === 'falcon' || type === 'RefinedWebModel' || type === 'RefinedWeb',
    'unsupported',
    () => `falcon: config.json has model_type ${JSON.stringify(type)}; this loader reads "falcon"`,
  )
  for (const [key, wanted] of Object.entries(falconRw)) {
    const given = json[key] ?? defaults[key]
    check(
      given === wanted,
      'unsupported',
      () => `falcon: config.json has ${key} ${JSON.stringify(given)}; Falcon-RW has ${JSON.stringify(wanted)}`,
    )
  }
  const activation = json['activation'] ?? 'gelu'
  check(
    activation === 'gelu',
    'unsupported',
    () => `falcon: activation ${JSON.stringify(activation)}; only "gelu" is known`,
  )
  for (const key of ['hidden_dropout', 'attention_dropout']) {
    check((json[key] ?? 0) === 0, 'unsupported', () => `falcon: ${key} ${String(json[key])}; only 0 is known`)
  }
  const hiddenSize = whole(json, ['hidden_size'])
  const numAttentionHeads = whole(json, ['num_attention_heads', 'n_head'])
  check(
    hiddenSize % numAttentionHeads === 0,
    'config',
    () => `falcon: hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${numAttentionHeads}`,
  )
  return {
    vocabSize: whole(json, ['vocab_size']),
    hiddenSize,
    numHiddenLayers: whole(json, ['num_hidden_layers', 'n_layer']),
    numAttentionHeads,
    ffnHiddenSize: whole(json, ['ffn_hidden_size'], 4 * hiddenSize),
    layerNormEpsilon: positive(json, ['layer_norm_epsilon'], 1e-5),
    maxPositionEmbeddings: whole(json, ['max_position_embeddings'], 2048),
    initializerRange: positive(json, ['initializer_range'], 0.02),
    bosTokenId: tokenId(json['bos_token_id']),
    eosTokenId: tokenId(json['eos_token_id']),
  }
}

/** The sizes a Falcon-RW is chosen by; the rest has the defaults of transformers' FalconConfig. */
export type FalconSizes = Pick<FalconConfig, 'vocabSize' | 'hiddenSize' | 'numHiddenLayers' | 'numAttentionHeads'>

/** A Falcon-RW of one's own, to be trained from nothing. @throws MedAwareError `config` for sizes that do not fit. */
export function falconRwConfig(sizes: FalconSizes & Partial<FalconConfig>): FalconConfig {
  return {
    ...parseFalconConfig({
      model_type: 'falcon',
      ...falconRw,
      vocab_size: sizes.vocabSize,
      hidden_size: sizes.hiddenSize,
      num_hidden_layers: sizes.numHiddenLayers,
      num_attention_heads: sizes.numAttentionHeads,
    }),
    ...sizes,
  }
}

/** The config.json that transformers reads back as the same model. */
export function formatFalconConfig(config: FalconConfig): Readonly<Record<string, unknown>> {
  return {
    model_type: 'falcon',
    architectures: ['FalconForCausalLM'],
    ...falconRw,
    activation: 'gelu',
    attention_dropout: 0,
    hidden_dropout: 0,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_kv_heads: config.numAttentionHeads,
    ffn_hidden_size: config.ffnHiddenSize,
    layer_norm_epsilon: config.layerNormEpsilon,
    max_position_embeddings: config.maxPositionEmbeddings,
    initializer_range: config.initializerRange,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    tie_word_embeddings: true,
  }
}

/** What makes a Falcon a Falcon-RW: ALiBi, one key per query head, blocks in sequence, biases. */
const falconRw = { alibi: true, multi_query: false, parallel_attn: false, bias: true, new_decoder_architecture: false }

/** transformers' configuration_falcon.py, for keys a config may leave out. */
const defaults: Json = {
  alibi: false,
  multi_query: true,
  parallel_attn: true,
  bias: false,
  new_decoder_architecture: false,
}

function positive(json: Json, keys: readonly string[], fallback?: number): number {
  const key = keys.find((name) => json[name] !== undefined && json[name] !== null)
  const value = key === undefined ? fallback : json[key]
  if (typeof value === 'number' && value > 0) return value
  throw new MedAwareError(
    'config',
    `falcon: config.json needs a positive ${keys.join(' or ')}, got ${JSON.stringify(value) ?? 'nothing'}`,
  )
}

function whole(json: Json, keys: readonly string[], fallback?: number): number {
  const value = positive(json, keys, fallback)
  check(Number.isInteger(value), 'config', () => `falcon: config.json needs a whole ${keys.join(' or ')}, got ${value}`)
  return value
}

function tokenId(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
