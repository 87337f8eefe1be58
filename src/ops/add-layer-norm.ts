import { record } from '../autograd/record.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { addNormalize, backToSummands, type Norm, type NormalSum, wayBack } from './norm.ts'

/**
 * A residual connection and the normalisation after it, in one pass: y = x + r, and out = layerNorm(y). x, r f32 [...,
 * c]; weight, bias f32 [c]. Backward takes one pass as well, since layerNorm's rule adds to the gradient that y has
 * already.
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function addLayerNorm(x: Tensor, r: Tensor, weight: Tensor, bias: Tensor, eps: number): NormalSum {
  const norm: Norm = { who: 'addLayerNorm', weight, bias, eps }
  const { y, out, stats } = addNormalize(x, r, norm)
  record(y, [x, r], backToSummands)
  return { y, out: record(out, [y, weight, bias], ...wayBack(y, norm, stats)) }
}
