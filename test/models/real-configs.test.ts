import { describe, expect, it } from 'vitest'
import { planMemory } from '../../src/io/plan/memory-plan.ts'
import { modelWeights, parseModelConfig } from '../../src/models/architectures.ts'

const llama32 = {
  ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], attention_bias: false, attention_dropout: 0 },
  ...{ bos_token_id: 128000, eos_token_id: 128001, head_dim: 64, hidden_act: 'silu', hidden_size: 2048 },
  ...{ initializer_range: 0.02, intermediate_size: 8192, max_position_embeddings: 131072, mlp_bias: false },
  ...{ num_attention_heads: 32, num_hidden_layers: 16, num_key_value_heads: 8, pretraining_tp: 1, rms_norm_eps: 1e-5 },
  rope_scaling: {
    ...{ factor: 32, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192 },
    rope_type: 'llama3',
  },
  ...{ rope_theta: 500000, tie_word_embeddings: true, torch_dtype: 'bfloat16', use_cache: true, vocab_size: 128256 },
}
const qwen3 = {
  ...{ model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], attention_bias: false, attention_dropout: 0 },
  ...{ bos_token_id: 151643, eos_token_id: 151645, head_dim: 128, hidden_act: 'silu', hidden_size: 1024 },
  ...{ initializer_range: 0.02, intermediate_size: 3072, max_position_embeddings: 40960, max_window_layers: 28 },
  ...{ num_attention_heads: 16, num_hidden_layers: 28, num_key_value_heads: 8, rms_norm_eps: 1e-6 },
  ...{ rope_scaling: null, rope_theta: 1000000, sliding_window: null, use_sliding_window: false, use_cache: true },
  ...{ tie_word_embeddings: true, torch_dtype: 'bfloat16', vocab_size: 151936 },
}
const smolLm2 = {
  ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], attention_bias: false, attention_dropout: 0 },
  ...{ bos_token_id: 1, eos_token_id: 2, hidden_act: 'silu', initializer_range: 0.041666666666666664 },
  ...{ hidden_size: 576, intermediate_size: 1536, is_llama_config: true, max_position_embeddings: 8192 },
  ...{ mlp_bias: false, num_attention_heads: 9, num_hidden_layers: 30, num_key_value_heads: 3, pretraining_tp: 1 },
  ...{ pad_token_id: 2, rms_norm_eps: 1e-5, rope_interleaved: false, rope_scaling: null, rope_theta: 100000 },
  ...{ tie_word_embeddings: true, torch_dtype: 'bfloat16', use_cache: true, vocab_size: 49152 },
}
const gemma3 = {
  ...{ model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'], attention_bias: false, attention_dropout: 0 },
  ...{ attn_logit_softcapping: null, final_logit_softcapping: null, bos_token_id: 2, eos_token_id: 1, pad_token_id: 0 },
  ...{ cache_implementation: 'hybrid', head_dim: 256, hidden_activation: 'gelu_pytorch_tanh', hidden_size: 1152 },
  ...{ initializer_range: 0.02, intermediate_size: 6912, max_position_embeddings: 32768, num_attention_heads: 4 },
  ...{ num_hidden_layers: 26, num_key_value_heads: 1, query_pre_attn_scalar: 256, rms_norm_eps: 1e-6 },
  ...{ rope_local_base_freq: 10000, rope_scaling: null, rope_theta: 1000000, sliding_window: 512 },
  ...{ sliding_window_pattern: 6, torch_dtype: 'bfloat16', use_cache: true, vocab_size: 262144 },
}
const mistral = {
  ...{ model_type: 'mistral', architectures: ['MistralForCausalLM'], bos_token_id: 1, eos_token_id: 2 },
  ...{ hidden_act: 'silu', hidden_size: 4096, initializer_range: 0.02, intermediate_size: 14336 },
  ...{ max_position_embeddings: 32768, num_attention_heads: 32, num_hidden_layers: 32, num_key_value_heads: 8 },
  ...{ rms_norm_eps: 1e-5, rope_theta: 10000, sliding_window: 4096, tie_word_embeddings: false, vocab_size: 32000 },
}

/** config.json of each, and the parameters that transformers 5.23 counts of it on its meta device. */
const models: readonly (readonly [name: string, config: Record<string, unknown>, parameters: number])[] = [
  ['Llama-3.2-1B', llama32, 1_235_814_400],
  ['Llama-3.2-1B-Instruct', { ...llama32, eos_token_id: [128001, 128008, 128009] }, 1_235_814_400],
  ['Qwen3-0.6B', qwen3, 596_049_920],
  ['Qwen3-1.7B', { ...qwen3, hidden_size: 2048, intermediate_size: 6144 }, 1_720_574_976],
  [
    'Qwen2.5-0.5B',
    {
      ...{ model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], attention_dropout: 0, bos_token_id: 151643 },
      ...{ eos_token_id: 151643, hidden_act: 'silu', hidden_size: 896, initializer_range: 0.02 },
      ...{ intermediate_size: 4864, max_position_embeddings: 32768, max_window_layers: 24, num_attention_heads: 14 },
      ...{ num_hidden_layers: 24, num_key_value_heads: 2, rms_norm_eps: 1e-6, rope_theta: 1000000 },
      ...{ sliding_window: 32768, tie_word_embeddings: true, use_mrope: false, use_sliding_window: false },
      vocab_size: 151936,
    },
    494_032_768,
  ],
  ['SmolLM2-135M', smolLm2, 134_515_008],
  [
    'SmolLM2-360M',
    {
      ...{ ...smolLm2, hidden_size: 960, intermediate_size: 2560, num_attention_heads: 15, num_hidden_layers: 32 },
      num_key_value_heads: 5,
    },
    361_821_120,
  ],
  [
    'SmolLM2-1.7B',
    {
      ...{ ...smolLm2, hidden_size: 2048, intermediate_size: 8192, num_attention_heads: 32, num_hidden_layers: 24 },
      ...{ num_key_value_heads: 32, rope_theta: 130000 },
    },
    1_711_376_384,
  ],
  [
    'SmolLM3-3B',
    {
      ...{ model_type: 'smollm3', architectures: ['SmolLM3ForCausalLM'], attention_bias: false, attention_dropout: 0 },
      ...{ bos_token_id: null, eos_token_id: 128012, pad_token_id: 128004, hidden_act: 'silu', hidden_size: 2048 },
      ...{ initializer_range: 0.02, intermediate_size: 11008, layer_types: Array(36).fill('full_attention') },
      ...{ max_position_embeddings: 65536, max_window_layers: 28, mlp_bias: false, num_attention_heads: 16 },
      ...{ num_hidden_layers: 36, num_key_value_heads: 4, no_rope_layer_interval: 4, pretraining_tp: 2 },
      ...{ no_rope_layers: Array.from({ length: 36 }, (_, i) => (i % 4 === 3 ? 0 : 1)), rms_norm_eps: 1e-6 },
      ...{ rope_scaling: null, rope_theta: 5000000, sliding_window: null, use_sliding_window: false },
      ...{ tie_word_embeddings: true, vocab_size: 128256 },
    },
    3_075_098_624,
  ],
  [
    'gemma-3-270m',
    {
      ...{ ...gemma3, hidden_size: 640, intermediate_size: 2048, num_hidden_layers: 18, _sliding_window_pattern: 6 },
      sliding_window_pattern: undefined,
      layer_types: Array.from({ length: 18 }, (_, i) => (i % 6 === 5 ? 'full_attention' : 'sliding_attention')),
      use_bidirectional_attention: false,
    },
    268_098_176,
  ],
  ['gemma-3-1b-it', { ...gemma3, eos_token_id: [1, 106] }, 999_885_952],
  ['Mistral-7B-v0.1', mistral, 7_241_732_096],
  [
    'Mistral-7B-v0.3',
    { ...mistral, rope_theta: 1000000, sliding_window: null, vocab_size: 32768, attention_dropout: 0 },
    7_248_023_552,
  ],
]

describe('configs that people have', () => {
  it.each(models)('%s is read, and has its parameters', (_, json, parameters) => {
    const config = parseModelConfig(json)
    const counts = modelWeights(config).map(({ shape }) => shape.reduce((product, size) => product * size, 1))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(parameters)
    const [plain, packed] = [planMemory(config, { dtype: 'f16' }), planMemory(config, { quantize: { type: 'nf4' } })]
    const bytes = ({ weights }: ReturnType<typeof planMemory>) => Object.values(weights).reduce((a, b) => a + b, 0)
    expect(bytes(plain) / (2 * parameters)).toBeCloseTo(1, 1)
    expect(bytes(packed)).toBeLessThan(4 * parameters)
  })

  it.each(['gemma3', 'qwen3_moe', 'mistral3', 'llama4', 'phi3', 'qwen2_vl', 'qwen2_moe', 'gemma2', 'gemma3n'])(
    'a %s is refused by its name, whatever else it has',
    (model_type) => {
      for (const json of [
        { ...llama32, model_type },
        { model_type, text_config: gemma3 },
      ]) {
        expect(() => parseModelConfig(json)).toThrow(`config.json has model_type "${model_type}"; known are falcon,`)
      }
    },
  )
})
