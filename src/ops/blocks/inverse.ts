import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { copyOf, type Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from '../array/checked.ts'
import { batchedMatmul } from './bmm.ts'

/**
 * Elements that one call of the kernel may go over: on a GPU a matrix is one workgroup's, and must not keep it long.
 */
const elementsACall = 2 ** 24

/**
 * The inverse of each matrix, as `torch.linalg.inv`, by elimination without exchanges of rows: for matrices whose
 * symmetric part is positive definite, such as I + Q with Q skew-symmetric. x f32 [count, n, n]; out the same.
 * @throws MedAwareError `shape` for what are no square matrices, `unsupported` for other dtypes.
 */
export function inverse(x: Tensor): Tensor {
  checkTensor('inverse', 'x', x, 'f32')
  const [count = 0, n = 0, columns] = x.shape
  check(x.shape.length === 3 && n === columns, 'shape', () => `inverse: ${showShape(x.shape)} must be [count, n, n]`)
  const out = copyOf(x, 'inverse')
  const steps = Math.max(1, Math.floor(elementsACall / (n * n)))
  for (let first = 0; first < n; first += steps) {
    x.device.run('invert', { x: out }, { count, n, first, last: Math.min(n, first + steps) })
  }
  const rule = (dOut: Tensor) => {
    const left = batchedMatmul(out, dOut, { transA: true, alpha: -1 })
    const dX = batchedMatmul(left, out, { transB: true })
    left.dispose()
    return [dX]
  }
  return record(out, [x], rule, { reads: [out] })
}
