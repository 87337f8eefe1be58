import { record, records } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { empty, fromArray, rowsOf, type Tensor, zeros } from '../tensor/tensor.ts'
import { gatherRows, scatterRows } from './embedding.ts'
import { matmul } from './matmul.ts'

/** Most rows whose logits exist at one time. */
export const logitRows = 256

/**
 * Head and loss in one: Σ cross-entropy(x weightᵀ, labels) / normalizer, over rows whose label is not negative. x f32
 * [..., c]; weight [v, c] f32, or frozen in f16 or bf16; labels, one per row of x; loss f32 [1]. Only rows with a label
 * reach the head, and only 256 rows of logits exist at once; their gradient is taken on the way (Liger Kernel, arXiv
 * 2410.10989; TRL's chunked_nll).
 * @param normalizer Default: the number of labels that are not negative, so that the loss is their mean.
 * @throws MedAwareError `shape` where sizes do not fit, `config` when every label is negative.
 */
export function linearCrossEntropy(x: Tensor, weight: Tensor, labels: Int32Array, normalizer?: number): Tensor {
  const { device, columns: dim } = x
  check(
    labels.length === x.rows,
    'shape',
    () => `linearCrossEntropy: ${labels.length} labels for x ${showShape(x.shape)}`,
  )
  const rows = Int32Array.from(labels.keys()).filter((row) => (labels[row] ?? -1) >= 0)
  check(
    rows.length > 0,
    'config',
    () => 'linearCrossEntropy: every label is masked; a prompt that fills the whole length leaves nothing to learn',
  )
  const vocab = weight.shape[0] ?? 0
  const beyond = labels.find((label) => label >= vocab)
  check(
    beyond === undefined,
    'config',
    () => `linearCrossEntropy: label ${beyond} is beyond the vocabulary of ${vocab}`,
  )
  const scale = 1 / (normalizer ?? rows.length)
  const ids = fromArray(device, rows, [rows.length], 'labelled rows')
  const hidden = gatherRows(ids, x, [rows.length, dim])
  const losses = empty(device, [rows.length, 1], 'row losses')
  const wanted = records([x, weight])
  const dHidden = wanted && x.requiresGrad ? empty(device, hidden.shape, 'head dX') : null
  const dWeight = wanted && weight.requiresGrad ? zeros(device, weight.shape, 'head dWeight') : null
  const labelled = fromArray(
    device,
    rows.map((row) => labels[row] ?? -1),
    [rows.length, 1],
    'labels',
  )
  for (let begin = 0; begin < rows.length; begin += logitRows) {
    const end = Math.min(rows.length, begin + logitRows)
    device.memory.scoped(() => {
      const part = rowsOf(hidden, begin, end)
      const logits = matmul(part, weight, { transB: true })
      const bindings = {
        labels: rowsOf(labelled, begin, end),
        logits,
        losses: rowsOf(losses, begin, end),
      }
      device.run('crossEntropy', bindings, { rows: end - begin, vocab, writeGrad: +wanted, gradScale: scale })
      if (dHidden) matmul(logits, weight, { out: rowsOf(dHidden, begin, end) })
      if (dWeight) matmul(logits, part, { transA: true, out: dWeight, accumulate: true })
    })
  }
  const loss = empty(device, [1], 'loss')
  device.run('sum', { x: losses, out: loss }, { count: rows.length, accumulate: 0, alpha: scale })
  for (const value of [hidden, losses, labelled]) value.dispose()
  const rule = (dLoss: Tensor) => [
    dHidden && scaleBy(scatterRows(ids, dHidden, x.shape), dLoss),
    dWeight && scaleBy(dWeight, dLoss),
  ]
  const saved = [ids, ...(dHidden ? [dHidden] : []), ...(dWeight ? [dWeight] : [])]
  return record(loss, [x, weight], rule, { saved })
}

function scaleBy(x: Tensor, factor: Tensor): Tensor {
  const out = empty(x.device, x.shape, 'scaled gradient')
  x.device.run('scale', { x, factor, out }, { count: x.count, hasFactor: 1, alpha: 1 })
  return out
}
