import { record, records } from '../../autograd/record.ts'
import { number, readArgument } from '../../core/options.ts'
import { empty, fromArray, rowsOf, type Tensor, zeros } from '../../tensor/tensor.ts'
import { gatherRows, scatterRows } from '../embedding.ts'
import { noteHits } from './label-hits.ts'
import { labelledRows } from './labelled-rows.ts'
import { matmul } from '../matmul.ts'
import type { Product } from '../products.ts'

/** Most rows whose logits exist at one time. */
export const logitRows = 256

/**
 * Head and loss in one: Σ cross-entropy(x weightᵀ, labels) / normalizer, over rows whose label is not negative. x f32
 * [..., c]; weight [v, c] f32, or frozen in f16 or bf16; labels, one per row of x; loss f32 [1]. Only rows with a label
 * reach the head, and only 256 rows of logits exist at once; their gradient is taken on the way (Liger Kernel, arXiv
 * 2410.10989; TRL's chunked_nll).
 * @param normalizer Default: the number of labels that are not negative, so that the loss is their mean.
 * @param others Products that are added to the logits, such as an adapter's of low rank. Default none.
 * @param smoothing Share of what is wanted that all tokens have alike, the label having the rest: transformers'
 * LabelSmoother. From 0 to 1, default 0.
 * @throws MedAwareError `shape` where sizes do not fit, `config` when every label is negative, and for a smoothing that
 * is no share.
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Tensor,
  labels: Int32Array,
  normalizer?: number,
  others: readonly Product[] = [],
  smoothing = 0,
): Tensor {
  const { device } = x
  readArgument('linearCrossEntropy', 'smoothing', smoothing, number({ from: 0, to: 1 }))
  const vocab = weight.shape[0] ?? 0
  const rows = labelledRows('linearCrossEntropy', x, labels, vocab)
  const scale = 1 / (normalizer ?? rows.length)
  const ids = fromArray(device, rows, [rows.length], 'labelled rows')
  const losses = empty(device, [rows.length, 1], 'row losses')
  const products = [{ x, weight }, ...others]
  const inputs = products.flatMap((each) => [each.x, each.weight])
  const wanted = records(inputs)
  const terms = products.map((product) => termOf(product, ids, wanted))
  const labelled = fromArray(
    device,
    rows.map((row) => labels[row] ?? -1),
    [rows.length, 1],
    'labels',
  )
  for (let begin = 0; begin < rows.length; begin += logitRows) {
    const end = Math.min(rows.length, begin + logitRows)
    device.memory.scoped(() => {
      const logits = empty(device, [end - begin, vocab], 'logits')
      for (const [i, { hidden, weight: table }] of terms.entries()) {
        matmul(rowsOf(hidden, begin, end), table, { transB: true, out: logits, accumulate: i > 0 })
      }
      const bindings = {
        labels: rowsOf(labelled, begin, end),
        logits,
        losses: rowsOf(losses, begin, end),
      }
      noteHits(bindings.labels, logits)
      device.run('crossEntropy', bindings, {
        rows: end - begin,
        vocab,
        writeGrad: +wanted,
        gradScale: scale,
        smoothing,
      })
      for (const { hidden, weight: table, dHidden, dWeight } of terms) {
        if (dHidden) matmul(logits, table, { out: rowsOf(dHidden, begin, end) })
        const part = rowsOf(hidden, begin, end)
        if (dWeight) matmul(logits, part, { transA: true, out: dWeight, accumulate: true })
      }
    })
  }
  const loss = empty(device, [1], 'loss')
  device.run('sum', { x: losses, out: loss }, { count: rows.length, accumulate: 0, alpha: scale })
  for (const value of [...terms.map(({ hidden }) => hidden), losses, labelled]) value.dispose()
  const rule = (dLoss: Tensor) =>
    terms.flatMap(({ x, dHidden, dWeight }) => [
      dHidden && scaleBy(scatterRows(ids, dHidden, x.shape), dLoss),
      dWeight && scaleBy(dWeight, dLoss),
    ])
  const gradients = terms.flatMap(({ dHidden, dWeight }) => [dHidden, dWeight])
  return record(loss, inputs, rule, { saved: [ids, ...gradients.filter((each) => each !== null)] })
}

/** A product of the labelled rows, and what its gradients are added up in. */
function termOf({ x, weight }: Product, ids: Tensor, wanted: boolean) {
  const { device, columns: dim } = x
  const hidden = gatherRows(ids, x, [ids.count, dim])
  return {
    ...{ x, weight, hidden },
    dHidden: wanted && x.requiresGrad ? empty(device, hidden.shape, 'head dX') : null,
    dWeight: wanted && weight.requiresGrad ? zeros(device, weight.shape, 'head dWeight') : null,
  }
}

function scaleBy(x: Tensor, factor: Tensor): Tensor {
  const out = empty(x.device, x.shape, 'scaled gradient')
  x.device.run('scale', { x, factor, out }, { count: x.count, hasFactor: 1, alpha: 1 })
  return out
}
