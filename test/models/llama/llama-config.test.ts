import { describe, expect, it } from 'vitest'
import { formatLlamaConfig, parseLlamaConfig } from '../../../src/models/llama/llama-config.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

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
    const scaled = (rope_scaling: object) => ({ ...without('rope_parameters'), rope_theta: 5000, rope_scaling })
    const long = { original_max_position_embeddings: 512, attention_factor: 1.5, truncate: false }
    for (const json of [
      tiny,
      await read('llama-tied'),
      await read('llama-yarn'),
      scaled({ type: 'linear', factor: 2 }),
      scaled({ type: 'dynamic', factor: 2 }),
      scaled({ rope_type: 'yarn', factor: 4, beta_fast: 16, beta_slow: 2, ...long }),
    ]) {
      const config = parseLlamaConfig(json)
      expect(parseLlamaConfig(formatLlamaConfig(config))).toEqual(config)
    }
  })

  it('reads yarn as transformers does, with what it leaves out', () => {
    const ropeOf = (words: object, more: object = {}) =>
      parseLlamaConfig({ ...without('rope_parameters'), ...more, rope_scaling: { rope_type: 'yarn', ...words } }).rope
    const usual = { type: 'yarn', factor: 4, betaFast: 32, betaSlow: 1, truncate: true }
    const attentionFactor = 0.1 * Math.log(4) + 1
    const plain = { ...usual, attentionFactor, originalMaxPositionEmbeddings: 2048 }
    expect(ropeOf({ factor: 4, finetuned: true })).toEqual({ theta: 10000, scaling: plain })
    const original = { original_max_position_embeddings: 512 }
    expect(ropeOf({ factor: 4, ...original }).scaling).toEqual({ ...plain, originalMaxPositionEmbeddings: 512 })
    expect(ropeOf({ factor: 4 }, original).scaling).toEqual({ ...plain, originalMaxPositionEmbeddings: 512 })
    const ratio = (0.05 * Math.log(4) + 1) / attentionFactor
    expect(ropeOf({ factor: 4, mscale: 0.5, mscale_all_dim: 1 }).scaling).toEqual({ ...plain, attentionFactor: ratio })
    expect(ropeOf({ factor: 4, mscale: 0.5, mscale_all_dim: 0 }).scaling).toEqual(plain)
    expect(ropeOf({ factor: 4, truncate: null }).scaling).toEqual({ ...plain, truncate: false })
  })

  it('lets rope_scaling stand for rope_parameters, and a theta within before one beside, as transformers does', () => {
    const both = { ...tiny, rope_theta: 7, rope_scaling: { rope_type: 'linear', factor: 2 } }
    expect(parseLlamaConfig(both).rope).toEqual({ theta: 7, scaling: { type: 'linear', factor: 2 } })
    expect(parseLlamaConfig({ ...tiny, rope_theta: 7 }).rope.theta).toBe(1000042)
    expect(parseLlamaConfig({ ...tiny, rope_scaling: {} }).rope.theta).toBe(1000042)
  })

  const long = 'x'.repeat(10_000)
  it.each([
    ['rope_scaling', 'llama3', 'rope_scaling as an object such as {"rope_type": "linear", "factor": 2}, got "llama3"'],
    ['rope_scaling', 4, 'rope_scaling as an object such as {"rope_type": "linear", "factor": 2}, got 4'],
    ['rope_parameters', [4], 'rope_parameters as an object such as {"rope_type": "linear", "factor": 2}, got [4]'],
    ['rope_scaling', { factor: 4 }, 'rope_scaling needs a rope_type'],
    ['rope_scaling', { type: 4, factor: 4 }, 'rope_scaling needs a rope_type'],
    ['rope_scaling', { original_max_position_embeddings: 512 }, 'rope_scaling needs a rope_type'],
    ['rope_scaling', { type: 'linear', factor: '4' }, 'needs a positive factor, got "4"'],
    ['rope_scaling', { type: 'linear', factor: -4 }, 'needs a positive factor, got -4'],
    ['rope_scaling', { type: 'linear', factor: 1e308 }, 'needs a positive factor of at most 1000000, got 1e+308'],
    ['rope_scaling', { type: 'default', factor: 4 }, 'factor 4 and rope_type "default", which has no such setting'],
    [
      'rope_scaling',
      { type: 'linear', factor: 4, beta_fast: 3 },
      'beta_fast 3 and rope_type "linear", which has no such',
    ],
    [
      'rope_scaling',
      { type: 'yarn', factor: 4, betaFast: 3 },
      'betaFast 3 and rope_type "yarn"; did you mean beta_fast?',
    ],
    ['rope_scaling', { type: 'yarn' }, 'needs a positive factor, got nothing'],
    [
      'rope_scaling',
      { type: 'longrope', short_factor: [1], long_factor: [1] },
      'has rope_type "longrope"; known are "default"',
    ],
    ['rope_scaling', { type: long }, 'has rope_type "xxx'],
    [
      'rope_parameters',
      { full_attention: { rope_type: 'default' } },
      'rope_parameters has a table for each of full_attention;',
    ],
    [
      'rope_parameters',
      { rope_type: 'default', partial_rotary_factor: 0.5 },
      'has partial_rotary_factor 0.5; only 1 is known',
    ],
    ['rope_theta', '1e6', 'rope_theta, got "1e6"'],
    ['rope_theta', 1e308, 'positive rope_theta of at most 3.4e+38, got 1e+308'],
    ['partial_rotary_factor', 0.5, 'has partial_rotary_factor 0.5; only 1 is known'],
    ['sliding_window', 4096, 'has sliding_window 4096; only 0 is known'],
    ['logit_scale', 0.0625, 'has logit_scale 0.0625; only 1 is known'],
    ['final_logit_softcapping', 30, 'has final_logit_softcapping 30; only null is known'],
    ['attention_multiplier', 0.1, 'has attention_multiplier 0.1; only null is known'],
    ['eos_token_id', 'x', 'eos_token_id as the id of a token, or a list of ids, got "x"'],
    ['eos_token_id', -1, 'eos_token_id as the id of a token, or a list of ids, got -1'],
    ['eos_token_id', 1.5, 'eos_token_id as the id of a token, or a list of ids, got 1.5'],
    ['eos_token_id', [2, '3'], 'eos_token_id as the id of a token, or a list of ids, got [2, "3"]'],
    ['bos_token_id', { id: 1 }, 'bos_token_id as the id of a token'],
    ['rms_norm_eps', 1e308, 'needs a positive rms_norm_eps of at most 1, got 1e+308'],
    ['quantization_config', 5, 'needs quantization_config as an object, got 5'],
    ['quantization_config', [], 'needs quantization_config as an object, got []'],
    ['num_hidden_layers', 1e9, 'num_hidden_layers of at most 10000, got 1000000000'],
    ['num_hidden_layers', -2, 'needs a positive num_hidden_layers, got -2'],
    ['hidden_size', 2 ** 40, 'hidden_size of at most 2147483647, got 1099511627776'],
    ['hidden_size', [long], 'needs a positive hidden_size, got ["xxx'],
    ['vocab_size', 2.5, 'needs a whole vocab_size, got 2.5'],
    ['head_dim', 1e8, 'head_dim of at most 65536, got 100000000'],
    [
      'quantization_config',
      { quant_method: 'gptq', bits: 4 },
      'quantization_config: config.json has quant_method "gptq"',
    ],
    ['bias', true, 'has bias true; only false is known'],
    ['multi_query', true, 'has multi_query true; only false is known'],
    ['activation', 'gelu', 'has activation "gelu"; only "silu" or "swish" is known'],
    ['alibi', true, 'has alibi true; only false is known'],
  ])('refuses %s %o', (key, value, message) => {
    const json = key.startsWith('rope_s') || key === 'rope_theta' ? without('rope_parameters') : tiny
    let error: unknown
    try {
      parseLlamaConfig({ ...json, [key]: value })
    } catch (cause) {
      error = cause
    }
    expect(String(error)).toContain(message)
    expect(String(error).length).toBeLessThan(400)
  })

  it('takes fields of others where they change nothing', () => {
    const neutral = { partial_rotary_factor: 1, logit_scale: 1, sliding_window: null, final_logit_softcapping: null }
    expect(parseLlamaConfig({ ...tiny, ...neutral, pretraining_tp: 2, hidden_act: 'swish' })).toEqual(parsed)
    expect(parseLlamaConfig({ ...tiny, use_sliding_window: false, sliding_window: 4096 })).toEqual(parsed)
    expect(parseLlamaConfig({ ...tiny, eos_token_id: null }).eosTokenId).toBeNull()
  })

  it.each([
    [
      'unsupported',
      { ...tiny, model_type: 'mistral' },
      'llama: config.json has model_type "mistral"; this loader reads "llama"',
    ],
    [
      'unsupported',
      { ...tiny, hidden_act: 'gelu' },
      'llama: config.json has hidden_act "gelu"; only "silu" or "swish" is known',
    ],
    [
      'unsupported',
      { ...tiny, attention_dropout: 0.1 },
      'llama: config.json has attention_dropout 0.1; only 0 is known',
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
