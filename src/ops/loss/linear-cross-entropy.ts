import { record, records } from '../../autograd/record.ts'
import { number, readArgument } from '../../core/options.ts'
import { type Matrix, trainedOf } from '../../tensor/matrix.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { scatterRows } from '../embedding.ts'
import type { Product, Products } from '../products.ts'
import { LabelledLogits } from './labelled-logits.ts'

/**
 * Head and loss in one: Σ cross-entropy(x weightᵀ, labels) / normalizer, over rows whose label is not negative. x f32
 * [..., c]; weight [v, c] f32, or frozen in any other format; labels, one per row of x; loss f32 [1]. Only rows with a
 * label reach the head, and only 256 rows of logits exist at once; their gradient is taken on the way (Liger Kernel,
 * arXiv 2410.10989; TRL's chunked_nll).
 * @param normalizer Default: the number of labels that are not negative, so that the loss is their mean.
 * @param others Products that are added to the logits, such as an adapter's of low rank. Default none.
 * @param smoothing Share of what is wanted that all tokens have alike, the label having the rest: transformers'
 * LabelSmoother. From 0 to 1, default 0.
 * @throws MedAwareError `shape` where sizes do not fit, `config` when every label is negative, and for a smoothing that
 * is no share.
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Matrix,
  labels: Int32Array,
  normalizer?: number,
  others: readonly Product[] = [],
  smoothing = 0,
): Tensor {
  const { device } = x
  readArgument('linearCrossEntropy', 'smoothing', smoothing, number({ from: 0, to: 1 }))
  const products: Products = [{ x, weight }, ...others]
  const logits = new LabelledLogits('linearCrossEntropy', products, labels)
  const { ids, hidden } = logits
  const scale = 1 / (normalizer ?? ids.count)
  const inputs = products.flatMap((each) => [each.x, trainedOf(each.weight)])
  const terms = records(inputs) ? logits.terms() : []
  const losses = logits.losses(scale, smoothing, terms)
  const loss = empty(device, [1], 'loss')
  device.run('sum', { x: losses, out: loss }, { count: losses.count, accumulate: 0, alpha: scale })
  for (const value of [...hidden, losses, logits.labels]) value.dispose()
  const rule = (dLoss: Tensor) =>
    terms.flatMap(({ x: input, dHidden, dWeight }) => [
      dHidden && scaleBy(scatterRows(ids, dHidden, input.shape), dLoss),
      dWeight && scaleBy(dWeight, dLoss),
    ])
  const gradients = terms.flatMap(({ dHidden, dWeight }) => [dHidden, dWeight])
  return record(loss, inputs, rule, { saved: [ids, ...gradients.filter((each) => each !== null)] })
}

function scaleBy(x: Tensor, factor: Tensor): Tensor {
  const out = empty(x.device, x.shape, 'scaled gradient')
  x.device.run('scale', { x, factor, out }, { count: x.count, hasFactor: 1, alpha: 1 })
  return out
}
