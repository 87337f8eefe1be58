import { describe, expect, it } from 'vitest'
import { formatFalconConfig, parseFalconConfig } from '../../src/models/falcon-config.ts'
import { tinyText } from '../peft/tiny-falcon.ts'

const tiny = JSON.parse(await tinyText('config.json')) as Record<string, unknown>
const parsed = {
  vocabSize: 64,
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  ffnHiddenSize: 64,
  layerNormEpsilon: 1e-5,
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
      ffnHiddenSize: 8192,
    }
    expect(parseFalconConfig(old)).toEqual({ ...parsed, ...sizes })
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
    ['unsupported', { ...tiny, alibi: false }, 'falcon: config.json has alibi false; Falcon-RW has true'],
    ['unsupported', without('multi_query'), 'falcon: config.json has multi_query true; Falcon-RW has false'],
    [
      'unsupported',
      { ...tiny, parallel_attn: true },
      'falcon: config.json has parallel_attn true; Falcon-RW has false',
    ],
    ['unsupported', { ...tiny, bias: false }, 'falcon: config.json has bias false; Falcon-RW has true'],
    [
      'unsupported',
      { ...tiny, new_decoder_architecture: true },
      'falcon: config.json has new_decoder_architecture true; Falcon-RW has false',
    ],
    ['unsupported', { ...tiny, activation: 'relu' }, 'falcon: activation "relu"; only "gelu" is known'],
    ['unsupported', { ...tiny, hidden_dropout: 0.1 }, 'falcon: hidden_dropout 0.1; only 0 is known'],
    ['unsupported', { ...tiny, attention_dropout: 0.2 }, 'falcon: attention_dropout 0.2; only 0 is known'],
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
    ['config', { ...tiny, hidden_size: '32' }, 'falcon: config.json needs a positive hidden_size, got "32"'],
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
