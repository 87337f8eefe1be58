import type { DType } from '../../core/dtype.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { show } from '../../core/show.ts'
import { Tensor } from '../../tensor/tensor.ts'

/**
 * Sees that a caller gave a tensor of one of some dtypes. @throws MedAwareError `config` for another thing,
 * `unsupported` for another dtype.
 */
export function checkTensor(who: string, name: string, x: unknown, ...dtypes: readonly DType[]): asserts x is Tensor {
  check(x instanceof Tensor, 'config', () => `${who}: ${name} must be a tensor, got ${show(x)}`)
  check(dtypes.includes(x.dtype), 'unsupported', () => {
    return `${who}: ${name} must be ${dtypes.join(' or ')}, got ${x.dtype} ${showShape(x.shape)}`
  })
}

/** An axis from 0, of one that may be counted from the end. @throws MedAwareError `shape` where there is none. */
export function axisOf(who: string, { shape }: Tensor, axis: number): number {
  const found = axis < 0 ? axis + shape.length : axis
  check(Number.isInteger(axis) && found >= 0 && found < shape.length, 'shape', () => {
    return `${who}: ${showShape(shape)} has no axis ${show(axis)}`
  })
  return found
}
