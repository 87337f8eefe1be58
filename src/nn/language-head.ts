import { add } from '../ops/add.ts'
import { embedding } from '../ops/embedding.ts'
import { gather } from '../ops/gather.ts'
import { labelledRows } from '../ops/loss/labelled-logits.ts'
import { linearCrossEntropy } from '../ops/loss/linear-cross-entropy.ts'
import { linearLogProbs } from '../ops/loss/linear-log-probs.ts'
import { linear } from '../ops/linear.ts'
import { logSoftmax } from '../ops/log-softmax.ts'
import { mul } from '../ops/mul.ts'
import type { Products } from '../ops/products.ts'
import { reshape } from '../ops/array/reshape.ts'
import { sum } from '../ops/array/sum.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { Lookup } from './embedding.ts'
import type { Projection } from './linear.ts'
import { Module, type Weight } from './module.ts'

/** What stands where a model makes logits: a head of its own, one tied to the embeddings, or an adapted one. */
export interface Head extends Projection {
  /** [v, c] in any storage format: the table that it multiplies by, or that adapters are on. */
  readonly table: Weight
  /** Logits of x f32 [..., c] as products whose sum they are, `null` where they are not to be had so. */
  products(x: Tensor): Products | null
}

/**
 * A head that is not tied to the embeddings: [v, c] in any storage format. It is no `Linear`, for `quantize` leaves it,
 * but adapters of linear layers take it by its name.
 */
export class LanguageHead extends Module<Record<never, never>, { weight: Weight }> implements Head {
  constructor(weight: Weight) {
    super({}, { weight })
  }

  get table(): Weight {
    return this.weights.weight
  }

  get outFeatures(): number {
    return this.table.rows
  }

  get inFeatures(): number {
    return this.table.columns
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.table)
  }

  products(x: Tensor): Products {
    return [{ x, weight: this.table }]
  }
}

/** A head that is the table of embeddings, whatever stands there; it has no weights of its own. */
export class TiedHead extends Module implements Head {
  /** @param embeddings What stands now where the model looks vectors up. */
  constructor(readonly embeddings: () => Lookup) {
    super({}, {})
  }

  get table(): Weight {
    return this.embeddings().table
  }

  get outFeatures(): number {
    return this.table.rows
  }

  get inFeatures(): number {
    return this.table.columns
  }

  forward(x: Tensor): Tensor {
    return this.embeddings().logits(x)
  }

  products(x: Tensor): Products | null {
    return this.embeddings().products(x)
  }
}

/**
 * Σ cross-entropy(head(x), labels) / normalizer over rows whose label is not negative: f32 [1]; in pieces, without all
 * logits at one time, where the head is a sum of products. x f32 [..., c]; `smoothing` as of `linearCrossEntropy`.
 * @throws MedAwareError as `linearCrossEntropy`.
 */
export function headLoss(
  head: Pick<Head, 'products' | 'forward'>,
  x: Tensor,
  labels: Int32Array,
  normalizer?: number,
  smoothing = 0,
): Tensor {
  const products = head.products(x)
  if (products !== null) {
    const [{ x: input, weight }, ...others] = products
    return linearCrossEntropy(input, weight, labels, normalizer, others, smoothing)
  }
  const { device } = x
  const rows = labelledRows('headLoss', x, labels, Infinity)
  const ids = fromArray(device, rows, [rows.length], 'labelled rows')
  const wanted = rows.map((row) => labels[row] ?? -1)
  const logits = head.forward(embedding(ids, reshape(x, [x.rows, x.columns])))
  const all = logSoftmax(logits)
  const logs = gather(all, fromArray(device, wanted, [rows.length, 1], 'labels'))
  const scale = -1 / (normalizer ?? rows.length)
  const picked = mul(sum(logs), scale * (1 - smoothing))
  return smoothing === 0 ? picked : add(picked, mul(sum(all), (scale * smoothing) / all.columns))
}

/**
 * The log-probability of each row's label, 0 where it is negative: f32, x's shape without its last axis; in pieces,
 * without all logits at one time, where the head is a sum of products. x f32 [..., c].
 * @param labels One a row of x.
 * @throws MedAwareError as `linearLogProbs`.
 */
export function headLogProbs(head: Pick<Head, 'products' | 'forward'>, x: Tensor, labels: Int32Array): Tensor {
  const products = head.products(x)
  if (products !== null) {
    const [{ x: input, weight }, ...others] = products
    return linearLogProbs(input, weight, labels, others)
  }
  const shape = x.shape.slice(0, -1)
  const ids = fromArray(x.device, labels, [...shape, 1], 'labels')
  return reshape(gather(logSoftmax(head.forward(x)), ids), shape)
}
