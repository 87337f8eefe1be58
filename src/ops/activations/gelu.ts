import { record } from '../../autograd/record.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'

/** x · Φ(x) with the exact normal distribution (erf), as torch's `gelu` without approximation. f32, any shape. */
export function gelu(x: Tensor): Tensor {
  const { device, count } = x
  const out = empty(device, x.shape, 'gelu')
  device.run('gelu', { x, out }, { count })
  const rule = (dOut: Tensor) => {
    const dX = empty(device, x.shape, 'gelu dX')
    device.run('geluBackward', { dOut, x, dX }, { count })
    return [dX]
  }
  return record(out, [x], rule, { reads: [x] })
}
