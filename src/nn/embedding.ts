import { embedding } from '../ops/embedding.ts'
import { linear } from '../ops/linear.ts'
import type { Products } from '../ops/products.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/** What stands where a model looks vectors up: a plain table or an adapted one. */
export interface Lookup extends Module {
  /** f32, f16 or bf16 [v, c]: the table that is looked up, or that adapters are on. */
  readonly table: Tensor
  /** ids i32 [...] to f32 [..., c]. */
  forward(ids: Tensor): Tensor
  /** Logits of a head that is tied to it: x f32 [..., c] to f32 [..., v]. */
  logits(x: Tensor): Tensor
  /** The same as products whose sum they are, `null` where they are not to be had so. */
  products(x: Tensor): Products | null
}

/** A table of vectors: weight f32, f16 or bf16 [v, c]. */
export class Embedding extends Module<Record<never, never>, { weight: Tensor }> implements Lookup {
  constructor(weight: Tensor) {
    super({}, { weight })
  }

  get table(): Tensor {
    return this.weights.weight
  }

  /** ids i32 [...] to f32 [..., c]. */
  forward(ids: Tensor): Tensor {
    return embedding(ids, this.table)
  }

  logits(x: Tensor): Tensor {
    return linear(x, this.table)
  }

  products(x: Tensor): Products {
    return [{ x, weight: this.table }]
  }
}
