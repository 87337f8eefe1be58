import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { type Shape, showShape } from '../../core/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from './checked.ts'
import { spread, sumTo } from './strides.ts'

/**
 * x repeated along the axes of `shape` that it lacks, or has one element of, copied; `torch.Tensor.expand`. f32 or i32
 * (which has no gradient).
 * @throws MedAwareError `shape` where x has other sizes than `shape`, `unsupported` for other dtypes or where it falls
 * into more than four axes.
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkTensor('expand', 'x', x, 'f32', 'i32')
  const own = x.shape
  const lacking = shape.length - own.length
  check(lacking >= 0 && own.every((size, i) => size === 1 || size === shape[lacking + i]), 'shape', () => {
    return `expand: x ${showShape(own)} does not spread over ${showShape(shape)}`
  })
  return record(spread('expand', x, shape), [x], (dOut) => [sumTo(dOut, own)])
}
