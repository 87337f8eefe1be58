import { describe, expect, it } from 'vitest'
import { type FalconConfig, formatFalconConfig, parseFalconConfig } from '../../../src/models/falcon/falcon-config.ts'
import { tinyText } from '../../peft/tiny-falcon.ts'

const tiny = JSON.parse(await tinyText('config.json')) as Record<string, unknown>
const parsed = {
  modelType: 'falcon',
  vocabSize: 64,
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKvHeads: 4,
  ffnHiddenSize: 64,
  layerNormEpsilon: 1e-5,
  rope: null,
  bias: true,
  parallelAttn: false,
  newDecoderArchitecture: false,
  numLnInParallelAttn: 1,
  tieWordEmbeddings: true,
  maxPositionEmbeddings: 2048,
  initializerRange: 0.02,
  bosTokenId: 1,
  eosTokenId: 2,
}
const without = (...keys: string[]) => Object.fromEntries(Object.entries(tiny).filter(([key]) => !keys.includes(key)))

describe('parseFalconConfig', () => {
  it('reads what transformers saved', () => {
    expect(parseFalconConfig(tiny)).toEqual(parsed)
  })

  it.each(['RefinedWebModel', 'RefinedWeb'])('reads the words of Falcon’s first releases, %s', (modelType) => {
    const old = {
      alibi: true,
      apply_residual_connection_post_layernorm: false,
      architectures: ['RWForCausalLM'],
      attention_dropout: 0.0,
      bias: true,
      bos_token_id: 1,
      eos_token_id: 2,
      hidden_dropout: 0.0,
      hidden_size: 2048,
      initializer_range: 0.02,
      layer_norm_epsilon: 1e-5,
      model_type: modelType,
      multi_query: false,
      n_head: 32,
      n_layer: 24,
      parallel_attn: false,
      torch_dtype: 'bfloat16',
      use_cache: true,
      vocab_size: 50304,
    }
    const sizes = {
      vocabSize: 50304,
      hiddenSize: 2048,
      numHiddenLayers: 24,
      numAttentionHeads: 32,
      numKvHeads: 32,
      ffnHiddenSize: 8192,
    }
    expect(parseFalconConfig(old)).toEqual({ ...parsed, ...sizes })
  })

  it('reads the other Falcons: 7B, 40B, Falcon 2, and 40B in the words of its first release', () => {
    const rope = { theta: 10000, scaling: null }
    const bare = without(
      'alibi',
      'multi_query',
      'parallel_attn',
      'bias',
      'new_decoder_architecture',
      'num_kv_heads',
      'rope_parameters',
    )
    const of7b = { ...parsed, rope, bias: false, parallelAttn: true, numKvHeads: 1 }
    expect(parseFalconConfig(bare)).toEqual(of7b)
    const of40b = { ...of7b, newDecoderArchitecture: true, numKvHeads: 2, numLnInParallelAttn: 2 }
    const json40b = { ...bare, new_decoder_architecture: true, num_kv_heads: 2 }
    expect(parseFalconConfig(json40b)).toEqual(of40b)
    const old40b = { ...bare, model_type: 'RefinedWeb', n_head_kv: 2, parallel_attn: true, bias: false, alibi: false }
    expect(parseFalconConfig(old40b)).toEqual(of40b)
    const falcon2 = { ...json40b, num_ln_in_parallel_attn: 1, rope_theta: 500042, tie_word_embeddings: false }
    const ofFalcon2 = { numLnInParallelAttn: 1, rope: { theta: 500042, scaling: null }, tieWordEmbeddings: false }
    expect(parseFalconConfig(falcon2)).toEqual({ ...of40b, ...ofFalcon2 })
    for (const config of [of7b, of40b, { ...of40b, ...ofFalcon2 }]) {
      expect(parseFalconConfig(formatFalconConfig(config as FalconConfig))).toEqual(config)
    }
  })

  it('fills in what may be left out', () => {
    const bare = without(
      'ffn_hidden_size',
      'layer_norm_epsilon',
      'initializer_range',
      'bos_token_id',
      'eos_token_id',
      'activation',
    )
    expect(parseFalconConfig(bare)).toEqual({ ...parsed, ffnHiddenSize: 128, bosTokenId: null, eosTokenId: null })
    expect(parseFalconConfig({ ...tiny, ffn_hidden_size: null }).ffnHiddenSize).toBe(128)
  })

  it('reads back what it formats', () => {
    expect(parseFalconConfig(formatFalconConfig(parseFalconConfig(tiny)))).toEqual(parsed)
  })

  it.each([
    [
      'unsupported',
      { ...tiny, model_type: 'llama' },
      'falcon: config.json has model_type "llama"; this loader reads "falcon"',
    ],
    ['unsupported', without('model_type'), 'falcon: config.json has model_type undefined; this loader reads "falcon"'],
    [
      'unsupported',
      { ...tiny, activation: 'relu' },
      'falcon: config.json has activation "relu"; only "gelu" or "gelu_python" is known',
    ],
    ['unsupported', { ...tiny, hidden_dropout: 0.1 }, 'falcon: config.json has hidden_dropout 0.1; only 0 is known'],
    [
      'unsupported',
      { ...tiny, attention_dropout: 0.2 },
      'falcon: config.json has attention_dropout 0.2; only 0 is known',
    ],
    ['config', { ...tiny, bias: 'yes' }, 'falcon: config.json needs bias true or false, got "yes"'],
    [
      'config',
      { ...tiny, new_decoder_architecture: true, num_kv_heads: 3 },
      'falcon: num_attention_heads 4 is not a multiple of num_kv_heads 3',
    ],
    [
      'config',
      { ...tiny, new_decoder_architecture: true, num_ln_in_parallel_attn: 3 },
      'falcon: config.json needs num_ln_in_parallel_attn 1 or 2, got 3',
    ],
    [
      'unsupported',
      { ...tiny, alibi: false, rope_parameters: { rope_type: 'longrope', factor: 2 } },
      'falcon: config.json has rope_type "longrope"; known are "default", "linear", "dynamic", "yarn", "llama3"',
    ],
    ['unsupported', { ...tiny, rotary: true }, 'falcon: config.json has rotary true; only false is known'],
    ['unsupported', { ...tiny, mlp_bias: false }, 'falcon: config.json has mlp_bias false; only true is known'],
    [
      'unsupported',
      { ...tiny, hidden_act: 'relu' },
      'falcon: config.json has hidden_act "relu"; only "gelu" or "gelu_python" is known',
    ],
    ['unsupported', { ...tiny, head_dim: 16 }, 'falcon: config.json has head_dim 16; only 8 is known'],
    ['unsupported', { ...tiny, num_kv_heads: 2 }, 'falcon: config.json has num_kv_heads 2; only 4 is known'],
    [
      'unsupported',
      { ...tiny, new_decoder_architecture: true },
      'falcon: config.json has parallel_attn false; only true is known',
    ],
    [
      'unsupported',
      { ...tiny, parallel_attn: true, num_ln_in_parallel_attn: 2 },
      'falcon: config.json has num_ln_in_parallel_attn 2; only 1 is known',
    ],
    [
      'unsupported',
      { ...tiny, apply_residual_connection_post_layernorm: true },
      'falcon: config.json has apply_residual_connection_post_layernorm true; only false is known',
    ],
    [
      'config',
      { ...tiny, n_embed: 64 },
      'falcon: config.json has hidden_size 32 and n_embed 64, two names of one thing',
    ],
    [
      'config',
      { ...tiny, alibi: false, rope_parameters: { rope_type: 'linear' } },
      'falcon: rope_parameters: config.json needs a positive factor, got nothing',
    ],
    [
      'config',
      { ...tiny, num_attention_heads: 5 },
      'falcon: hidden_size 32 is not a multiple of num_attention_heads 5',
    ],
    ['config', without('vocab_size'), 'falcon: config.json needs a positive vocab_size, got nothing'],
    [
      'config',
      without('num_hidden_layers'),
      'falcon: config.json needs a positive num_hidden_layers or n_layer, got nothing',
    ],
    ['config', { ...tiny, hidden_size: '32' }, 'falcon: config.json needs a positive hidden_size or n_embed, got "32"'],
    [
      'config',
      { ...tiny, hidden_size: 1e9 },
      'falcon: config.json needs heads of at most 65536 channels, got hidden_size 1000000000 for 4 heads',
    ],
    [
      'config',
      { ...tiny, num_attention_heads: 0 },
      'falcon: config.json needs a positive num_attention_heads or n_head, got 0',
    ],
    [
      'config',
      { ...tiny, num_hidden_layers: 1.5 },
      'falcon: config.json needs a whole num_hidden_layers or n_layer, got 1.5',
    ],
  ])('refuses: %s, %#', (code, json, message) => {
    expect(() => parseFalconConfig(json)).toThrow(expect.objectContaining({ code, message }))
  })
})
