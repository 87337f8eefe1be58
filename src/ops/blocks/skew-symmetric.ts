import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from '../array/checked.ts'

/** What `skewSymmetric` makes of its numbers. */
export interface SkewOptions {
  /** Factor on them. Default 1. */
  readonly scale?: number
  /** What stands on the diagonals: with 1, I is added. Default 0. */
  readonly diagonal?: number
}

/**
 * Skew-symmetric matrices of what stands above their diagonals, row by row: out[i] = scale · (U - Uᵀ) + diagonal · I. v
 * f32 [count, n (n - 1) / 2]; out f32 [count, n, n].
 * @throws MedAwareError `shape` where v has another count, `unsupported` for other dtypes.
 */
export function skewSymmetric(v: Tensor, n: number, { scale = 1, diagonal = 0 }: SkewOptions = {}): Tensor {
  checkTensor('skewSymmetric', 'v', v, 'f32')
  const [count = 0, columns] = v.shape
  check(v.shape.length === 2 && columns === (n * (n - 1)) / 2 && columns > 0, 'shape', () => {
    return `skewSymmetric: v ${showShape(v.shape)} must be [count, ${(n * (n - 1)) / 2}] for matrices of ${n} rows`
  })
  const out = empty(v.device, [count, n, n], 'skew-symmetric')
  v.device.run('skewSymmetric', { v, out }, { count, n, scale, diagonal })
  return record(out, [v], (dOut) => {
    const dV = empty(v.device, v.shape, 'skew-symmetric dV')
    v.device.run('skewSymmetricBackward', { dOut, dV }, { count, n, scale })
    return [dV]
  })
}
