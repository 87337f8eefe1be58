import type { Device } from '../../src/device/device.ts'
import { createModel, modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { initialWeights } from '../../src/models/initial-weights.ts'
import { halfFromArray } from '../../src/tensor/half.ts'

/** A Llama of one layer and random weights, with a head of its own or a tied one, its tables in f32 or bf16. */
export async function tinyLlama(
  device: Device,
  { isTied = false, tables = 'f32' }: { readonly isTied?: boolean; readonly tables?: 'f32' | 'bf16' } = {},
): Promise<PretrainedLm> {
  const config = parseModelConfig({
    model_type: 'llama',
    vocab_size: 24,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 32,
    tie_word_embeddings: isTied,
  })
  const specs = modelWeights(config)
  const weights = initialWeights(device, specs, 0.3, 5)
  for (const { name, shape, role } of specs) {
    const full = weights.get(name)
    if (tables === 'f32' || role !== 'embedding' || full === undefined) continue
    weights.set(name, halfFromArray(device, await full.read(), shape, name, tables))
    full.dispose()
  }
  return createModel(config, weights)
}

/** Two rows for it, the second padded on the left. */
export const tinyTokens = {
  batch: {
    inputIds: Int32Array.of(3, 5, 9, 5, 20, 0, 0, 7, 9, 3),
    attentionMask: Uint8Array.of(1, 1, 1, 1, 1, 0, 0, 1, 1, 1),
    shape: [2, 5],
  },
  labels: Int32Array.of(3, 5, 9, 5, 20, -100, -100, 7, 9, 3),
} as const
