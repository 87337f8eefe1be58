import { LanguageHead, type Head, TiedHead } from '../../nn/language-head.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module, Weight, Weights } from '../../nn/module.ts'
import type { Products } from '../../ops/products.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { AdaptedEmbedding } from './adapted-embedding.ts'
import { AdaptedLinear, AdaptedProjection } from './adapted-linear.ts'

/**
 * A frozen head and the adapters on it, which are those of linear layers. A head that is tied to the embeddings is so
 * no more when they are merged: it gets a table of its own.
 */
export class AdaptedHead extends AdaptedProjection<LanguageHead | TiedHead> implements Head {
  get table(): Weight {
    return this.base.table
  }

  override get baseWeights(): Weights {
    return this.plain.weights
  }

  products(x: Tensor): Products | null {
    const { alone } = this
    if (alone !== null) return alone.products(x)
    if (this.rows !== null) return null
    const ground = this.groundOf(this.active)
    const plain = ground ?? this.plain
    const parts = this.active.map((name) => this.adapter(name))
    return parts.reduce<Products | null>(
      (products, part) => products && part.products(x, products, plain),
      ground === null ? this.base.products(x) : null,
    )
  }

  merged(): LanguageHead {
    return new LanguageHead(this.mergedWeight('weight'))
  }

  protected get plain(): Linear {
    return plainHead(this.base)
  }

  protected override startOf(plain: Linear): Tensor {
    const { base } = this
    const embeddings = base instanceof TiedHead ? base.embeddings() : null
    return embeddings instanceof AdaptedEmbedding ? embeddings.tiedWeight() : super.startOf(plain)
  }
}

/** A head as the linear layer that it is to adapters. */
export function plainHead(head: LanguageHead | TiedHead): Linear {
  return new Linear(head.table, null)
}

/**
 * What adapters of linear layers can be put on: the layer with adapters that stands there already, or a new one;
 * `null` for another kind of module.
 */
export function projectionHost(there: Module): AdaptedProjection | null {
  if (there instanceof AdaptedProjection) return there
  if (there instanceof LanguageHead || there instanceof TiedHead) return new AdaptedHead(there)
  return there instanceof Linear ? new AdaptedLinear(there) : null
}
