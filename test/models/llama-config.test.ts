import { describe, expect, it } from 'vitest'
import { formatLlamaConfig, parseLlamaConfig } from '../../src/models/llama-config.ts'
import { readFixture } from '../fixtures/open-fixture.ts'

const read = async (name: string) =>
  JSON.parse(new TextDecoder().decode(await readFixture(`tiny-family/${name}/config.json`))) as Record<string, unknown>
const tiny = await read('falcon3')
const parsed = {
  modelType: 'llama',
  vocabSize: 32,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 4,
  rmsNormEps: 1e-6,
  rope: { theta: 1000042, scaling: null },
  attentionBias: false,
  mlpBias: false,
  tieWordEmbeddings: false,
  maxPositionEmbeddings: 2048,
  initializerRange: 0.02,
  bosTokenId: 1,
  eosTokenId: 2,
}
const without = (...keys: string[]) => Object.fromEntries(Object.entries(tiny).filter(([key]) => !keys.includes(key)))

describe('parseLlamaConfig', () => {
  it('reads what transformers saved', () => {
    expect(parseLlamaConfig(tiny)).toEqual(parsed)
  })

  it('reads biases, a tied head, heads of their own width and scaled positions', async () => {
    const scaling = {
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositionEmbeddings: 32,
    }
    expect(parseLlamaConfig(await read('llama-tied'))).toEqual({
      ...parsed,
      numKeyValueHeads: 1,
      headDim: 6,
      rope: { theta: 10000, scaling },
      attentionBias: true,
      mlpBias: true,
      tieWordEmbeddings: true,
    })
  })

  it('reads positions in the words of transformers before version 5, and several ends of text', () => {
    const old = { ...without('rope_parameters'), rope_theta: 5000, rope_scaling: { type: 'linear', factor: 2 } }
    const { rope, eosTokenId } = parseLlamaConfig({ ...old, eos_token_id: [2, 9] })
    expect(rope).toEqual({ theta: 5000, scaling: { type: 'linear', factor: 2 } })
    expect(eosTokenId).toEqual([2, 9])
  })

  it('fills in what may be left out', () => {
    const bare = without(
      'num_key_value_heads',
      'head_dim',
      'rms_norm_eps',
      'rope_parameters',
      'attention_bias',
      'mlp_bias',
      'tie_word_embeddings',
      'max_position_embeddings',
      'initializer_range',
      'hidden_act',
    )
    const rope = { theta: 10000, scaling: null }
    expect(parseLlamaConfig(bare)).toEqual({ ...parsed, numKeyValueHeads: 4, rope })
  })

  it('reads back what it formats', async () => {
    for (const json of [tiny, await read('llama-tied'), { ...tiny, rope_scaling: { type: 'linear', factor: 2 } }]) {
      const config = parseLlamaConfig(json)
      expect(parseLlamaConfig(formatLlamaConfig(config))).toEqual(config)
    }
  })

  it.each([
    [
      'unsupported',
      { ...tiny, model_type: 'mistral' },
      'llama: config.json has model_type "mistral"; this loader reads "llama"',
    ],
    ['unsupported', { ...tiny, hidden_act: 'gelu' }, 'llama: config.json has hidden_act "gelu"; only "silu" is known'],
    [
      'unsupported',
      { ...tiny, attention_dropout: 0.1 },
      'llama: config.json has attention_dropout 0.1; only 0 is known',
    ],
    [
      'unsupported',
      { ...tiny, rope_parameters: { rope_type: 'yarn', factor: 4 } },
      'llama: config.json has rope_type "yarn"; known are "default", "linear" and "llama3"',
    ],
    [
      'config',
      { ...tiny, rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: 1 } },
      'llama: rope_parameters: config.json needs a positive high_freq_factor, got nothing',
    ],
    ['config', without('intermediate_size'), 'llama: config.json needs a positive intermediate_size, got nothing'],
    [
      'config',
      { ...tiny, num_key_value_heads: 3 },
      'llama: num_attention_heads 4 is not a multiple of num_key_value_heads 3',
    ],
    ['config', { ...tiny, head_dim: 5 }, 'llama: head_dim 5 is odd; rotary positions turn channels in pairs'],
    ['config', { ...tiny, mlp_bias: 1 }, 'llama: config.json needs mlp_bias true or false, got 1'],
  ])('refuses: %s, %#', (code, json, message) => {
    expect(() => parseLlamaConfig(json)).toThrow(expect.objectContaining({ code, message }))
  })
})
