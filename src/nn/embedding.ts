import { embedding } from '../ops/embedding.ts'
import { linear } from '../ops/linear.ts'
import { mul } from '../ops/mul.ts'
import type { Products } from '../ops/products.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module, type Weight } from './module.ts'

/** What stands where a model looks vectors up: a plain table or an adapted one. */
export interface Lookup extends Module {
  /** [v, c] in any storage format: the table that is looked up, or that adapters are on. */
  readonly table: Weight
  /** ids i32 [...] to f32 [..., c]. */
  forward(ids: Tensor): Tensor
  /** Logits of a head that is tied to it: x f32 [..., c] to f32 [..., v]. */
  logits(x: Tensor): Tensor
  /** The same as products whose sum they are, `null` where they are not to be had so. */
  products(x: Tensor): Products | null
}

/** A table of vectors: weight [v, c] in any storage format. A head that is tied to it is not scaled. */
export class Embedding extends Module<Record<never, never>, { weight: Weight }> implements Lookup {
  /** @param scale What vectors are multiplied by when they are looked up, as Gemma does. Default 1. */
  constructor(
    weight: Weight,
    readonly scale = 1,
  ) {
    super({}, { weight })
  }

  get table(): Weight {
    return this.weights.weight
  }

  /** ids i32 [...] to f32 [..., c]. */
  forward(ids: Tensor): Tensor {
    return this.scaled(embedding(ids, this.table))
  }

  /** Rows of the table, or of what is trained in its place, f32 [..., c], as they come out. */
  scaled(rows: Tensor): Tensor {
    return this.scale === 1 ? rows : mul(rows, this.scale)
  }

  logits(x: Tensor): Tensor {
    return linear(x, this.table)
  }

  products(x: Tensor): Products {
    return [{ x, weight: this.table }]
  }
}
