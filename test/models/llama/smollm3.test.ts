import { describe, expect, it } from 'vitest'
import { parseModelConfig } from '../../../src/models/architectures.ts'
import { formatSmolLm3Config, parseSmolLm3Config } from '../../../src/models/llama/smollm3.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

const tiny = JSON.parse(new TextDecoder().decode(await readFixture('tiny-family/smollm3/config.json'))) as Record<
  string,
  unknown
>

describe('parseSmolLm3Config', () => {
  it('reads what transformers writes, and writes it again', () => {
    const config = parseSmolLm3Config(tiny)
    expect(config).toMatchObject({
      noRopeLayers: [1, 0],
      slidingWindow: 6,
      layerTypes: ['full_attention', 'sliding_attention'],
      attentionBias: false,
      mlpBias: false,
      rope: { theta: 2e6 },
    })
    expect(parseSmolLm3Config(formatSmolLm3Config(config))).toEqual(config)
  })

  it('names no padding where the one that transformers would take is beyond the vocabulary', () => {
    const config = parseSmolLm3Config(tiny)
    expect(formatSmolLm3Config(config)).toHaveProperty('pad_token_id', null)
    expect(formatSmolLm3Config({ ...config, vocabSize: 128004 })).toHaveProperty('pad_token_id', null)
    expect(formatSmolLm3Config({ ...config, vocabSize: 128005 })).not.toHaveProperty('pad_token_id')
  })

  it('reads SmolLM3-3B’s, each fourth of whose layers knows no positions', () => {
    const fourth = Array.from({ length: 36 }, (_, layer) => +(layer % 4 !== 3))
    const json = {
      architectures: ['SmolLM3ForCausalLM'],
      attention_bias: false,
      attention_dropout: 0.0,
      bos_token_id: 128000,
      eos_token_id: 128012,
      hidden_act: 'silu',
      hidden_size: 2048,
      initializer_range: 0.02,
      intermediate_size: 11008,
      layer_types: Array<string>(36).fill('full_attention'),
      max_position_embeddings: 65536,
      max_window_layers: 28,
      mlp_bias: false,
      model_type: 'smollm3',
      no_rope_layer_interval: 4,
      no_rope_layers: fourth,
      num_attention_heads: 16,
      num_hidden_layers: 36,
      num_key_value_heads: 4,
      pad_token_id: 128004,
      pretraining_tp: 2,
      rms_norm_eps: 1e-6,
      rope_scaling: null,
      rope_theta: 5000000.0,
      sliding_window: null,
      torch_dtype: 'bfloat16',
      transformers_version: '4.54.0.dev0',
      use_cache: false,
      use_sliding_window: false,
      vocab_size: 128256,
    }
    const config = parseModelConfig(json)
    expect(config).toMatchObject({
      headDim: 128,
      slidingWindow: null,
      noRopeLayers: fourth,
      rope: { theta: 5e6 },
      tieWordEmbeddings: true,
    })
    const { no_rope_layers: _, layer_types: __, ...without } = json
    expect(parseModelConfig(without)).toEqual(config)
  })

  it('takes transformers’ defaults where a file says nothing', () => {
    const { rope_parameters: _, num_key_value_heads: __, no_rope_layers: ___, layer_types: ____, ...rest } = tiny
    expect(parseSmolLm3Config({ ...rest, no_rope_layer_interval: 2 })).toMatchObject({
      rope: { theta: 2e6 },
      numKeyValueHeads: 4,
      noRopeLayers: [1, 0],
      slidingWindow: 6,
      layerTypes: ['full_attention', 'sliding_attention'],
    })
  })

  it.each([
    [{ no_rope_layers: [1] }, 'needs no_rope_layers as a 0 or a 1 for each of 2 layers, got [1]'],
    [{ no_rope_layers: [1, 2] }, 'needs no_rope_layers as a 0 or a 1 for each of 2 layers, got [1, 2]'],
    [{ no_rope_layers: 4 }, 'needs no_rope_layers as a 0 or a 1 for each of 2 layers, got 4'],
    [
      { use_sliding_window: false },
      'has "sliding_attention" among its layer_types, and no sliding_window that is used',
    ],
  ])('refuses %j', (words, message) => {
    expect(() => parseSmolLm3Config({ ...tiny, ...words })).toThrow(
      expect.objectContaining({ code: 'config', message: `smollm3: config.json ${message}` }),
    )
  })
})
