import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { countOf, type Shape, showShape } from '../../core/shape.ts'
import { reshaped, type Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from './checked.ts'

/**
 * The same elements under another shape, on the same buffer: nothing is copied, and what is written to one is in the
 * other. `torch.Tensor.view`. Any dtype; one size may be -1, and is then what is left.
 * @throws MedAwareError `shape` where the counts differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor('reshape', 'x', x, 'f32', 'f16', 'bf16', 'i32', 'u8')
  const rule = (dOut: Tensor) => [reshaped(dOut, x.shape)]
  return record(reshaped(x, complete(x, shape)), [x], rule, { isWindow: true })
}

/** A shape in which -1 has its size. */
function complete(x: Tensor, shape: Shape): Shape {
  const isList: boolean = Array.isArray(shape)
  if (!isList || !shape.includes(-1)) return shape
  const known = countOf(shape.filter((size) => size !== -1))
  check(shape.indexOf(-1) === shape.lastIndexOf(-1) && x.count % known === 0, 'shape', () => {
    return `reshape: ${showShape(x.shape)} does not fit ${showShape(shape)}`
  })
  return shape.map((size) => (size === -1 ? x.count / known : size))
}
