import { record } from '../../autograd/record.ts'
import { empty, fromArray, reshaped, rowsOf, type Tensor, zeros } from '../../tensor/tensor.ts'
import { gatherRows, scatterRows } from '../embedding.ts'
import { matmul } from '../matmul.ts'
import { mul } from '../mul.ts'
import type { Product } from '../products.ts'
import { noteHits } from './label-hits.ts'
import { labelledRows } from './labelled-rows.ts'
import { logitRows } from './linear-cross-entropy.ts'

/**
 * The log-probability of each row's label, log softmax(x weightᵀ)[label], 0 where the label is negative: f32, x's shape
 * without its last axis. x f32 [..., c]; weight [v, c] f32, or frozen in f16 or bf16. Only rows with a label reach the
 * head, and only 256 rows of logits exist at once; the way back makes them again, since it must know what each row's
 * log-probability is wanted for (TRL's _ChunkedLogProbFunction).
 * @param labels One a row of x.
 * @param others Products that are added to the logits, such as an adapter's of low rank. Default none.
 * @throws MedAwareError as `labelledRows`, and `shape` where sizes do not fit.
 */
export function linearLogProbs(x: Tensor, weight: Tensor, labels: Int32Array, others: readonly Product[] = []): Tensor {
  const { device } = x
  const vocab = weight.shape[0] ?? 0
  const rows = labelledRows('linearLogProbs', x, labels, vocab)
  const count = rows.length
  const ids = fromArray(device, rows, [count], 'labelled rows')
  const wanted = rows.map((row) => labels[row] ?? -1)
  const labelled = fromArray(device, wanted, [count, 1], 'labels')
  const products = [{ x, weight }, ...others]
  const hidden = products.map((each) => gatherRows(ids, each.x, [count, each.x.columns]))

  /** Makes some rows of logits after the others, and the loss of each or, in their place, the gradients of it. */
  const throughLogits = (gradScale: number, visit: (logits: Tensor, begin: number, end: number) => void): Tensor => {
    const losses = empty(device, [count, 1], 'row losses')
    for (let begin = 0; begin < count; begin += logitRows) {
      const end = Math.min(count, begin + logitRows)
      device.memory.scoped(() => {
        const logits = empty(device, [end - begin, vocab], 'logits')
        for (const [i, { weight: table }] of products.entries()) {
          const part = rowsOf(hidden[i] ?? x, begin, end)
          matmul(part, table, { transB: true, out: logits, accumulate: i > 0 })
        }
        const bindings = { labels: rowsOf(labelled, begin, end), logits, losses: rowsOf(losses, begin, end) }
        if (gradScale === 0) noteHits(bindings.labels, logits)
        const params = { rows: end - begin, vocab, writeGrad: +(gradScale !== 0), gradScale, smoothing: 0 }
        device.run('crossEntropy', bindings, params)
        visit(logits, begin, end)
      })
    }
    return losses
  }

  const losses = throughLogits(0, () => undefined)
  const logs = mul(losses, -1)
  const out = reshaped(scatterRows(ids, logs, [x.rows, 1]), x.shape.slice(0, -1))
  for (const value of [losses, logs]) value.dispose()
  const rule = (dOut: Tensor) =>
    device.memory.scoped((scope) => {
      const dRows = gatherRows(ids, reshaped(dOut, [x.rows, 1]), [count, 1])
      const terms = products.map((product, i) => {
        const own = hidden[i] ?? x
        return {
          ...product,
          // What a row's logits are wanted for scales its hidden state as well as their gradients.
          scaled: product.weight.requiresGrad ? mul(own, dRows) : null,
          dHidden: product.x.requiresGrad ? empty(device, own.shape, 'head dX') : null,
          dWeight: product.weight.requiresGrad ? zeros(device, product.weight.shape, 'head dWeight') : null,
        }
      })
      throughLogits(-1, (dLogits, begin, end) => {
        for (const { weight: table, scaled, dHidden, dWeight } of terms) {
          if (dHidden) matmul(dLogits, table, { out: rowsOf(dHidden, begin, end) })
          if (dWeight && scaled) {
            matmul(dLogits, rowsOf(scaled, begin, end), { transA: true, out: dWeight, accumulate: true })
          }
        }
      })
      return terms.flatMap((term) => {
        const dX = term.dHidden && scatterRows(ids, mul(term.dHidden, dRows), term.x.shape)
        for (const value of [dX, term.dWeight]) if (value) scope.keep(value)
        return [dX, term.dWeight]
      })
    })
  const inputs = products.flatMap((each) => [each.x, each.weight])
  const reads = products.map((each) => each.weight)
  return record(out, inputs, rule, { reads, saved: [ids, labelled, ...hidden] })
}
