import { describe, expect, it } from 'vitest'
import { modelWeights, parseModelConfig } from '../../../src/models/architectures.ts'
import { formatGemma3Config, parseGemma3Config } from '../../../src/models/gemma/gemma3-config.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

const tiny = JSON.parse(new TextDecoder().decode(await readFixture('tiny-family/gemma3/config.json'))) as Record<
  string,
  unknown
>

/** As transformers 4 wrote it: no rope_parameters, no layer_types. */
const gemma3At1B = {
  architectures: ['Gemma3ForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  attn_logit_softcapping: null,
  bos_token_id: 2,
  cache_implementation: 'hybrid',
  eos_token_id: [1, 106],
  final_logit_softcapping: null,
  head_dim: 256,
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 1152,
  initializer_range: 0.02,
  intermediate_size: 6912,
  max_position_embeddings: 32768,
  model_type: 'gemma3_text',
  num_attention_heads: 4,
  num_hidden_layers: 26,
  num_key_value_heads: 1,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 10000,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: 512,
  sliding_window_pattern: 6,
  torch_dtype: 'bfloat16',
  transformers_version: '4.50.0.dev0',
  use_cache: true,
  vocab_size: 262144,
}

describe('parseGemma3Config', () => {
  it('reads what transformers writes since its version 5, and writes it again', () => {
    const config = parseGemma3Config(tiny)
    expect(config).toMatchObject({
      rope: { theta: 1e6, scaling: { type: 'linear', factor: 8 } },
      ropeLocal: { theta: 10000, scaling: null },
      slidingWindow: 5,
      layerTypes: ['sliding_attention', 'full_attention'],
      queryPreAttnScalar: 6,
    })
    expect(parseGemma3Config(formatGemma3Config(config))).toEqual(config)
  })

  it('reads what it wrote before: Gemma 3 1B’s', () => {
    const config = parseGemma3Config(gemma3At1B)
    expect(config).toMatchObject({
      rope: { theta: 1e6, scaling: null },
      ropeLocal: { theta: 10000, scaling: null },
      slidingWindow: 512,
      tieWordEmbeddings: true,
    })
    expect(config.layerTypes.flatMap((type, layer) => (type === 'full_attention' ? [layer] : []))).toEqual([
      5, 11, 17, 23,
    ])
    const specs = modelWeights(config)
    expect(specs).toHaveLength(340)
    const parameters = specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    expect(parameters).toBe(999_885_952)
    expect(parseGemma3Config(formatGemma3Config(config))).toEqual(config)
    const scaled = parseGemma3Config({ ...gemma3At1B, rope_scaling: { rope_type: 'linear', factor: 8 } })
    expect(scaled).toMatchObject({ rope: { scaling: { factor: 8 } }, ropeLocal: { scaling: null } })
    expect(parseGemma3Config(formatGemma3Config(scaled))).toEqual(scaled)
  })

  it('starts its norms from zeros, for they multiply by 1 + weight', () => {
    const norms = modelWeights(parseModelConfig(gemma3At1B)).filter(({ role }) => role === 'vector')
    expect(new Set(norms.map(({ init }) => init))).toEqual(new Set(['zeros']))
  })

  it.each([
    ['unsupported', { model_type: 'gemma3' }, 'config.json has model_type "gemma3"; this loader reads "gemma3_text"'],
    [
      'unsupported',
      { hidden_activation: 'gelu' },
      'config.json has hidden_activation "gelu"; only "gelu_pytorch_tanh" is known',
    ],
    [
      'unsupported',
      { use_bidirectional_attention: true },
      'config.json has use_bidirectional_attention true; only false is known',
    ],
    ['unsupported', { final_logit_softcapping: 30 }, 'config.json has final_logit_softcapping 30; only null is known'],
    [
      'config',
      { rope_parameters: { rope_type: 'default' } },
      'rope_parameters has rope_type; it holds a table for each of full_attention and sliding_attention',
    ],
    ['config', { query_pre_attn_scalar: 0 }, 'config.json needs a positive query_pre_attn_scalar, got 0'],
  ])('refuses: %s %j', (code, words, message) => {
    expect(() => parseGemma3Config({ ...tiny, ...words })).toThrow(
      expect.objectContaining({ code, message: `gemma3_text: ${message}` }),
    )
  })
})
