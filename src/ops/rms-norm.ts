import { record } from '../autograd/record.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { addNormalize, backToSummands, type Norm, type NormalSum, normalize, wayBack } from './norm.ts'

/**
 * x / sqrt(mean(x²) + eps) · (weight + shift) over the last dimension (arXiv 1910.07467): layer norm with nothing taken
 * off or added. x f32 [..., c]; weight f32 [c]; shift is 1 in Gemma, default 0.
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number, shift = 0): Tensor {
  const norm: Norm = { who: 'rmsNorm', weight, bias: null, eps, shift }
  const { out, stats } = normalize(x, norm)
  return record(out, [x, weight, null], ...wayBack(x, norm, stats))
}

/**
 * y = x + r, and out = rmsNorm(y), in one pass as `addLayerNorm`. @throws MedAwareError `shape` where sizes do not fit.
 */
export function addRmsNorm(x: Tensor, r: Tensor, weight: Tensor, eps: number, shift = 0): NormalSum {
  const norm: Norm = { who: 'addRmsNorm', weight, bias: null, eps, shift }
  const { y, out, stats } = addNormalize(x, r, norm)
  record(y, [x, r], backToSummands)
  return { y, out: record(out, [y, weight, null], ...wayBack(y, norm, stats)) }
}
