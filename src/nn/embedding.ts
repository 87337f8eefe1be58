import { embedding } from '../ops/embedding.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/** A table of vectors: weight f32, f16 or bf16 [v, c]. */
export class Embedding extends Module<Record<never, never>, { weight: Tensor }> {
  constructor(weight: Tensor) {
    super({}, { weight })
  }

  /** ids i32 [...] to f32 [..., c]. */
  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weights.weight)
  }
}
