import { describe, expect, it } from 'vitest'
import { modelWeights, parseModelConfig } from '../../../src/models/architectures.ts'
import { formatQwen3Config, parseQwen3Config } from '../../../src/models/llama/qwen3.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

const configOf = async (name: string) =>
  JSON.parse(new TextDecoder().decode(await readFixture(`tiny-family/${name}/config.json`))) as Record<string, unknown>
const tiny = await configOf('qwen3')

describe('parseQwen3Config', () => {
  it('reads what transformers writes', async () => {
    expect(parseQwen3Config(tiny)).toMatchObject({
      headDim: 6,
      numKeyValueHeads: 2,
      attentionBias: false,
      tieWordEmbeddings: true,
      slidingWindow: null,
      layerTypes: ['full_attention', 'full_attention'],
    })
    expect(parseQwen3Config(await configOf('qwen3-window'))).toMatchObject({
      attentionBias: true,
      slidingWindow: 7,
      layerTypes: ['full_attention', 'sliding_attention'],
    })
  })

  it('reads Qwen3-0.6B’s, whose heads are wider than its hidden size', () => {
    const config = parseModelConfig({
      architectures: ['Qwen3ForCausalLM'],
      attention_bias: false,
      attention_dropout: 0.0,
      bos_token_id: 151643,
      eos_token_id: 151645,
      head_dim: 128,
      hidden_act: 'silu',
      hidden_size: 1024,
      initializer_range: 0.02,
      intermediate_size: 3072,
      max_position_embeddings: 40960,
      max_window_layers: 28,
      model_type: 'qwen3',
      num_attention_heads: 16,
      num_hidden_layers: 28,
      num_key_value_heads: 8,
      rms_norm_eps: 1e-6,
      rope_scaling: null,
      rope_theta: 1000000,
      sliding_window: null,
      tie_word_embeddings: true,
      torch_dtype: 'bfloat16',
      transformers_version: '4.51.0',
      use_cache: true,
      use_sliding_window: false,
      vocab_size: 151936,
    })
    const shapes = new Map(modelWeights(config).map(({ name, shape }) => [name, shape]))
    expect(shapes.get('model.layers.27.self_attn.q_proj.weight')).toEqual([2048, 1024])
    expect(shapes.get('model.layers.27.self_attn.q_norm.weight')).toEqual([128])
    expect(shapes.size).toBe(310)
    const parameters = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0)
    expect(parameters).toBe(596_049_920)
  })

  it('takes transformers’ defaults where a file says nothing', () => {
    const { head_dim: _, num_key_value_heads: __, max_position_embeddings: ___, ...rest } = tiny
    const sizes = { hidden_size: 64, num_attention_heads: 32 }
    expect(parseQwen3Config({ ...rest, ...sizes })).toMatchObject({
      headDim: 128,
      numKeyValueHeads: 32,
      maxPositionEmbeddings: 32768,
    })
  })

  it('writes it as it reads it', async () => {
    for (const json of [tiny, await configOf('qwen3-window')]) {
      expect(parseQwen3Config(formatQwen3Config(parseQwen3Config(json)))).toEqual(parseQwen3Config(json))
    }
  })

  it.each([
    [{ model_type: 'qwen3_moe' }, 'qwen3: config.json has model_type "qwen3_moe"; this loader reads "qwen3"'],
    [{ mlp_bias: true }, 'qwen3: config.json has mlp_bias true; only false is known'],
  ])('refuses %j', (words, message) => {
    expect(() => parseQwen3Config({ ...tiny, ...words })).toThrow(
      expect.objectContaining({ code: 'unsupported', message }),
    )
  })
})
