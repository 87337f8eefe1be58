import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** @throws MedAwareError `shape` for what is no f32 matrix, which formats are made from. */
export function checkMatrix(who: string, x: Tensor): void {
  check(
    x.dtype === 'f32' && x.shape.length === 2,
    'shape',
    () => `${who}: needs an f32 matrix, got ${x.dtype} ${showShape(x.shape)}`,
  )
}
