import { describe, expect, it } from 'vitest'
import { formatMistralConfig, parseMistralConfig } from '../../../src/models/llama/mistral.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

const tiny = JSON.parse(new TextDecoder().decode(await readFixture('tiny-family/mistral/config.json'))) as Record<
  string,
  unknown
>
const { sliding_window: _, ...without } = tiny

describe('parseMistralConfig', () => {
  it('reads what transformers writes, and writes it again', () => {
    const config = parseMistralConfig(tiny)
    expect(config).toMatchObject({ slidingWindow: 5, numKeyValueHeads: 2, headDim: 8, rope: { theta: 10000 } })
    expect(parseMistralConfig(formatMistralConfig(config))).toEqual(config)
  })

  it('reads Mistral-7B-v0.3’s, which has no window', () => {
    const config = parseMistralConfig({
      architectures: ['MistralForCausalLM'],
      attention_dropout: 0.0,
      bos_token_id: 1,
      eos_token_id: 2,
      hidden_act: 'silu',
      hidden_size: 4096,
      initializer_range: 0.02,
      intermediate_size: 14336,
      max_position_embeddings: 32768,
      model_type: 'mistral',
      num_attention_heads: 32,
      num_hidden_layers: 32,
      num_key_value_heads: 8,
      rms_norm_eps: 1e-5,
      rope_theta: 1000000.0,
      sliding_window: null,
      tie_word_embeddings: false,
      torch_dtype: 'bfloat16',
      transformers_version: '4.42.0.dev0',
      use_cache: true,
      vocab_size: 32768,
    })
    expect(config).toMatchObject({ headDim: 128, slidingWindow: null, rope: { theta: 1e6 } })
    expect(parseMistralConfig(formatMistralConfig(config))).toEqual(config)
  })

  it('takes transformers’ defaults where a file says nothing', () => {
    expect(parseMistralConfig(without).slidingWindow).toBe(4096)
    const { num_key_value_heads: _, max_position_embeddings: __, ...rest } = without
    expect(parseMistralConfig({ ...rest, hidden_size: 64, num_attention_heads: 8 })).toMatchObject({
      numKeyValueHeads: 8,
      maxPositionEmbeddings: 131072,
    })
    expect(parseMistralConfig({ ...tiny, layer_types: Array(2).fill('sliding_attention') }).slidingWindow).toBe(5)
  })

  it.each([
    ['unsupported', { model_type: 'mixtral' }, 'has model_type "mixtral"; this loader reads "mistral"'],
    ['unsupported', { attention_bias: true }, 'has attention_bias true; only false is known'],
    [
      'unsupported',
      { layer_types: ['sliding_attention', 'full_attention'] },
      'has sliding_window 5 and layer_types ["sliding_attention", "full_attention"]; a Mistral\'s layers are all ' +
        '"sliding_attention"',
    ],
    ['config', { sliding_window: 0 }, 'needs a positive sliding_window, got 0'],
    ['config', { sliding_window: 2.5 }, 'needs a whole sliding_window, got 2.5'],
  ])('refuses: %s %j', (code, words, message) => {
    expect(() => parseMistralConfig({ ...tiny, ...words })).toThrow(
      expect.objectContaining({ code, message: `mistral: config.json ${message}` }),
    )
  })
})
