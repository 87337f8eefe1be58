import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { wayBack } from './layer-norm.ts'

/**
 * A residual connection and the normalisation after it, in one pass: y = x + r, and out = layerNorm(y). x, r f32 [..., c];
 * weight, bias f32 [c]. Backward takes one pass as well, since layerNorm's rule adds to the gradient that y has already.
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function addLayerNorm(
  x: Tensor,
  r: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
): { readonly y: Tensor; readonly out: Tensor } {
  const { device, rows, columns: dim } = x
  check(
    sameShape(x.shape, r.shape),
    'shape',
    () => `addLayerNorm: shapes differ, x ${showShape(x.shape)} vs r ${showShape(r.shape)}`,
  )
  check(weight.count === dim && bias.count === dim, 'shape', () => {
    return `addLayerNorm: x ${showShape(x.shape)} needs weight and bias of ${dim}, got ${weight.count} and ${bias.count}`
  })
  const y = empty(device, x.shape, 'residual')
  const out = empty(device, x.shape, 'layer norm')
  const stats = empty(device, [rows, 2], 'layer norm stats')
  device.run('addLayerNorm', { x, r, weight, bias, y, out, stats }, { rows, dim, eps })
  record(y, [x, r], (dY, [needsX, needsR]) => [needsX ? dY : null, needsR ? dY : null])
  return { y, out: record(out, [y, weight, bias], ...wayBack(y, weight, stats)) }
}
