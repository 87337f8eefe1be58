import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import type { Matrix } from '../../tensor/matrix.ts'
import { empty, fromArray, rowsOf, type Tensor, zeros } from '../../tensor/tensor.ts'
import { gatherRows } from '../embedding.ts'
import { matmul } from '../matmul.ts'
import { mul } from '../mul.ts'
import type { Products } from '../products.ts'
import { noteHits, noteLosses } from './label-watch.ts'

/** Most rows whose logits exist at one time. */
export const logitRows = 256

/** A product of the labelled rows, and what its gradients are written to. */
export interface LogitTerm {
  readonly x: Tensor
  readonly weight: Matrix
  /** What the weight's gradient is a product with: hidden states, scaled where rows weigh differently. */
  readonly rows: Tensor
  readonly dHidden: Tensor | null
  readonly dWeight: Tensor | null
}

/**
 * The logits of the rows that have a label, Σ x weightᵀ over products, which are made some rows at a time: all that is
 * kept of them is a number a row, or gradients. Without history.
 */
export class LabelledLogits {
  /** Which rows have a label, i32 [n]. */
  readonly ids: Tensor
  /** Their labels, i32 [n, 1]. */
  readonly labels: Tensor
  /** Their rows of each product's x, f32 [n, c]. */
  readonly hidden: readonly Tensor[]
  readonly #products: Products
  /** Whether they have been made, and counted where anybody counts. */
  #isNoted = false

  /**
   * @param labels One a row of x; negative for none.
   * @throws MedAwareError `shape` unless there is a label a row, `config` for one that is no token's, and where every
   * one is negative.
   */
  constructor(who: string, products: Products, labels: Int32Array) {
    const [{ x, weight }] = products
    const rows = labelledRows(who, x, labels, weight.shape[0] ?? 0)
    this.#products = products
    this.ids = fromArray(x.device, rows, [rows.length], 'labelled rows')
    this.hidden = products.map((each) => gatherRows(this.ids, each.x, [rows.length, each.x.columns]))
    const wanted = rows.map((row) => labels[row] ?? -1)
    this.labels = fromArray(x.device, wanted, [rows.length, 1], 'labels')
  }

  /** Places for the gradients of what wants them. @param scale f32 [n, 1], what a row weighs. Default: all alike. */
  terms(scale?: Tensor): readonly LogitTerm[] {
    return this.#products.map(({ x, weight }, i) => {
      const hidden = this.hidden[i] ?? x
      return {
        ...{ x, weight },
        rows: scale !== undefined && weight.requiresGrad ? mul(hidden, scale) : hidden,
        dHidden: x.requiresGrad ? empty(x.device, hidden.shape, 'head dX') : null,
        dWeight: weight.requiresGrad ? zeros(x.device, weight.shape, 'head dWeight') : null,
      }
    })
  }

  /**
   * The cross-entropy of each row, f32 [n, 1].
   * @param terms To what gradients of gradScale · Σ losses are added. Default: none are taken.
   */
  losses(gradScale: number, smoothing: number, terms: readonly LogitTerm[] = []): Tensor {
    const { device, count, rows } = this.labels
    const vocab = this.#products[0].weight.shape[0] ?? 0
    const losses = empty(device, [count, 1], 'row losses')
    for (let begin = 0; begin < rows; begin += logitRows) {
      const end = Math.min(rows, begin + logitRows)
      device.memory.scoped(() => {
        const logits = empty(device, [end - begin, vocab], 'logits')
        for (const [i, { x, weight }] of this.#products.entries()) {
          const part = rowsOf(this.hidden[i] ?? x, begin, end)
          matmul(part, weight, { transB: true, out: logits, accumulate: i > 0 })
        }
        const bindings = { labels: rowsOf(this.labels, begin, end), logits, losses: rowsOf(losses, begin, end) }
        if (!this.#isNoted) noteHits(bindings.labels, logits)
        const params = { rows: end - begin, vocab, writeGrad: +(terms.length > 0), gradScale, smoothing }
        device.run('crossEntropy', bindings, params)
        for (const { weight, rows: left, dHidden, dWeight } of terms) {
          if (dHidden) matmul(logits, weight, { out: rowsOf(dHidden, begin, end) })
          if (dWeight) matmul(logits, rowsOf(left, begin, end), { transA: true, out: dWeight, accumulate: true })
        }
      })
    }
    if (!this.#isNoted) noteLosses(losses)
    this.#isNoted = true
    return losses
  }
}

/** Rows of x whose label is not negative. @throws MedAwareError as `LabelledLogits`. */
export function labelledRows(who: string, x: Tensor, labels: Int32Array, vocab: number): Int32Array<ArrayBuffer> {
  check(labels.length === x.rows, 'shape', () => `${who}: ${labels.length} labels for x ${showShape(x.shape)}`)
  const beyond = labels.find((label) => label >= vocab)
  check(beyond === undefined, 'config', () => `${who}: label ${beyond} is beyond the vocabulary of ${vocab}`)
  const rows = Int32Array.from(labels.keys()).filter((row) => (labels[row] ?? -1) >= 0)
  check(rows.length > 0, 'config', () => {
    return `${who}: every label is masked; a prompt that fills the whole length leaves nothing to learn`
  })
  return rows
}
