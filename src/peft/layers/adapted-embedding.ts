import { MedAwareError } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { Embedding, type Lookup } from '../../nn/embedding.ts'
import type { Module, Weight } from '../../nn/module.ts'
import { dequantize } from '../../ops/dequantize.ts'
import { embedding } from '../../ops/embedding.ts'
import { type Products, sumOfProducts } from '../../ops/products.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { AdaptedLayer, defaultName, type Factors, LayerAdapter } from './adapted-layer.ts'
import { differenceOf } from './difference.ts'
import { rowByRow } from './row-by-row.ts'

/** What a table gives: ids i32 [...] to f32 [..., c]. */
export type LookUp = (ids: Tensor) => Tensor

/** One adapter at one table of embeddings. */
export abstract class EmbeddingAdapter<F extends Factors = Factors> extends LayerAdapter<F> {
  /** Whether a head that is tied to the table follows this adapter before it is merged. Default false. */
  readonly tiesHead: boolean = false

  /**
   * Vectors of ids, with history.
   * @param lookUp The table as it is without this adapter: the base and the active adapters before this one. What it
   * returns is this adapter's to write over.
   */
  abstract forward(ids: Tensor, lookUp: LookUp): Tensor

  /** The table with this adapter in it, without history. @param weight f32 [v, c], a copy that may be written over. */
  abstract mergeWeight(weight: Tensor): Tensor

  /**
   * What a head that is tied to the table computes, of what it does without this adapter; `null` where it does not look
   * at the adapter. Default null.
   * @param x f32 [..., c].
   */
  tied(_x: Tensor, _products: Products): Products | null {
    return null
  }
}

/** A frozen table of embeddings and the adapters on it. */
export class AdaptedEmbedding extends AdaptedLayer<Embedding, EmbeddingAdapter> implements Lookup {
  constructor(base: Embedding) {
    super({ base_layer: base }, {})
  }

  get table(): Weight {
    return this.base.table
  }

  /** @throws MedAwareError as `rowByRow`, where `rows` says one adapter a row. */
  forward(ids: Tensor): Tensor {
    const { alone } = this
    if (alone !== null) return alone.forward(ids)
    if (this.rows === null) return this.#through(this.active, ids)
    return rowByRow(this, ids, this.rows, [...ids.shape, this.table.columns], (part, name) => {
      return this.#through(name === null ? [] : [name], part)
    })
  }

  logits(x: Tensor): Tensor {
    if (this.rows === null || this.alone !== null) return sumOfProducts(this.#tied(x))
    return rowByRow(this, x, this.rows, [...x.shape.slice(0, -1), this.table.rows], (part, name) => {
      return sumOfProducts(this.#tied(part, name === null ? [] : [name]))
    })
  }

  products(x: Tensor): Products | null {
    return this.rows === null || this.alone !== null ? this.#tied(x) : null
  }

  mergedWeight(key: string): Tensor {
    if (key !== 'weight') throw new MedAwareError('not-found', `mergedWeight: the embedding has no ${show(key)}`)
    return this.active.reduce((full, name) => this.adapter(name).mergeWeight(full), dequantize(this.table))
  }

  /** The table that a tied head computes with as long as nothing is merged: f32 and new. */
  tiedWeight(): Tensor {
    const parts = this.active.map((name) => this.adapter(name)).filter(({ tiesHead }) => tiesHead)
    return parts.reduce((full, part) => part.mergeWeight(full), dequantize(this.table))
  }

  merged(): Embedding {
    return new Embedding(this.mergedWeight('weight'), this.base.scale)
  }

  deltaWeight(name = defaultName): Tensor {
    return differenceOf(this.adapter(name).mergeWeight(dequantize(this.table)), dequantize(this.table))
  }

  #through(names: readonly string[], ids: Tensor): Tensor {
    // Adapters change the table, and what is looked up is scaled behind them, as in PEFT.
    let lookUp: LookUp = (given) => embedding(given, this.table)
    for (const name of names) {
      const part = this.adapters.get(name)
      const inner = lookUp
      if (part !== undefined) lookUp = (given) => part.forward(given, inner)
    }
    return this.base.scaled(lookUp(ids))
  }

  #tied(x: Tensor, names: readonly string[] = this.active): Products {
    if (this.alone !== null) return this.alone.products(x)
    const base: Products = this.base.products(x)
    return names.reduce((products, name) => this.adapters.get(name)?.tied(x, products) ?? products, base)
  }
}

/** What adapters of embeddings are put on: the layer with adapters that stands there already, or a new one. */
export function embeddingHost(there: Module): AdaptedEmbedding {
  if (there instanceof AdaptedEmbedding) return there
  if (!(there instanceof Embedding)) throw new Error('no table of embeddings')
  return new AdaptedEmbedding(there)
}
