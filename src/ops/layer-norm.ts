import { record, type RuleReads } from '../autograd/record.ts'
import type { Rule } from '../autograd/tape.ts'
import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/**
 * (x - mean) / sqrt(variance + eps) · weight + bias over the last dimension. x f32 [..., c]; weight, bias f32 [c].
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const { device, rows, columns: dim } = x
  check(weight.count === dim && bias.count === dim, 'shape', () => {
    return `layerNorm: x ${showShape(x.shape)} needs weight and bias of ${dim}, got ${weight.count} and ${bias.count}`
  })
  const out = empty(device, x.shape, 'layer norm')
  const stats = empty(device, [rows, 2], 'layer norm stats')
  device.run('layerNorm', { x, weight, bias, out, stats }, { rows, dim, eps })
  return record(out, [x, weight, bias], ...wayBack(x, weight, stats))
}

/** How to go back from a normalisation of x, for `record`; `stats` are mean and 1/sqrt(variance + eps) of each row. */
export function wayBack(x: Tensor, weight: Tensor, stats: Tensor): [Rule, RuleReads] {
  const { device, rows, columns: dim } = x
  const rule: Rule = (dOut, [needsX, needsWeight, needsBias], [total]) => {
    const dX = needsX ? (total ?? empty(device, x.shape, 'layer norm dX')) : null
    if (dX) {
      device.run('layerNormBackward', { dOut, x, weight, stats, dX }, { rows, dim, accumulate: +(dX === total) })
    }
    if (!needsWeight && !needsBias) return [dX, null, null]
    const dWeight = empty(device, [dim], 'layer norm dWeight')
    const dBias = empty(device, [dim], 'layer norm dBias')
    device.run('layerNormParamsBackward', { dOut, x, stats, dWeight, dBias }, { rows, dim, accumulate: 0 })
    return [dX, dWeight, dBias]
  }
  return [rule, { reads: [x, weight], saved: [stats], addsTo: [x] }]
}
