import { record } from '../autograd/record.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Norm, normalize, wayBack } from './norm.ts'

/**
 * (x - mean) / sqrt(variance + eps) · weight + bias over the last dimension. x f32 [..., c]; weight, bias f32 [c].
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const norm: Norm = { who: 'layerNorm', weight, bias, eps }
  const { out, stats } = normalize(x, norm)
  return record(out, [x, weight, bias], ...wayBack(x, norm, stats))
}
