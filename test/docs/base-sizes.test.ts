import { expect, it } from 'vitest'
import type { MemoryPlanOptions } from '../../src/io/plan/memory-plan.ts'
import { planMemory } from '../../src/io/plan/memory-plan.ts'
import { showBytes } from '../../src/io/plan/memory-advice.ts'
import { modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import { falconRw1b } from '../peft/falcon-rw-1b.ts'
import { pageAt } from './pages.ts'

const llama = {
  ...{ model_type: 'llama', vocab_size: 49152, max_position_embeddings: 8192, rms_norm_eps: 1e-5, rope_theta: 100000 },
  ...{ hidden_act: 'silu', tie_word_embeddings: true },
}
const sizes = (layers: number, hidden: number, inner: number, heads: number, groups: number) => ({
  ...{ num_hidden_layers: layers, hidden_size: hidden, intermediate_size: inner },
  ...{ num_attention_heads: heads, num_key_value_heads: groups },
})
const gemma = {
  ...{ model_type: 'gemma3_text', vocab_size: 262144, head_dim: 256, max_position_embeddings: 32768 },
  ...{ rms_norm_eps: 1e-6, query_pre_attn_scalar: 256, sliding_window: 512, rope_theta: 1e6 },
  ...{ rope_local_base_freq: 10000, hidden_activation: 'gelu_pytorch_tanh', tie_word_embeddings: true },
}
const qwen3 = { model_type: 'qwen3', vocab_size: 151936, head_dim: 128, rope_theta: 1e6, attention_bias: false }

/** What their config.json says of their sizes. */
const bases = {
  'HuggingFaceTB/SmolLM2-135M': { ...llama, ...sizes(30, 576, 1536, 9, 3) },
  'google/gemma-3-270m': { ...gemma, ...sizes(18, 640, 2048, 4, 1) },
  'HuggingFaceTB/SmolLM2-360M': { ...llama, ...sizes(32, 960, 2560, 15, 5) },
  'Qwen/Qwen3-0.6B': { ...llama, ...qwen3, ...sizes(28, 1024, 3072, 16, 8) },
  'meta-llama/Llama-3.2-1B': { ...llama, vocab_size: 128256, head_dim: 64, ...sizes(16, 2048, 8192, 32, 8) },
  'tiiuae/falcon-rw-1b': falconRw1b,
  'HuggingFaceTB/SmolLM2-1.7B': { ...llama, ...sizes(24, 2048, 8192, 32, 32) },
  'mistralai/Mistral-7B-v0.3': {
    ...{ ...llama, model_type: 'mistral', vocab_size: 32768, tie_word_embeddings: false, sliding_window: null },
    ...sizes(32, 4096, 14336, 32, 8),
  },
}

it('docs/guides/choose-a-base.md says what the bases that it names take', () => {
  const base: MemoryPlanOptions = { quantize: { type: 'nf4' }, dtype: 'f16' }
  const adapter = { r: 16, loraAlpha: 32, targetModules: 'all-linear' }
  const rows = Object.entries(bases).map(([name, json]) => {
    const config = parseModelConfig(json)
    const counts = modelWeights(config).map(({ shape }) => shape.reduce((product, size) => product * size, 1))
    const parameters = counts.reduce((sum, count) => sum + count, 0)
    const training = { ...base, adapter, batchSize: 1, length: 512, gradientCheckpointing: true }
    const bytes = [planMemory(config, base), planMemory(config, training)].map(({ total }) => showBytes(total))
    return [`\`${name}\``, `${Math.round(parameters / 1e6).toLocaleString('en-US')} M`, ...bytes]
  })
  const cells = pageAt('docs/guides/choose-a-base.md')
    .text.split('\n')
    .filter((line) => line.startsWith('| `') && line.includes('/'))
    .map((line) =>
      line
        .split('|')
        .slice(1, 5)
        .map((cell) => cell.trim()),
    )
  expect(cells).toEqual(rows)
})
