import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/** a + b, of equal shapes, f32. @throws MedAwareError `shape`. */
export function add(a: Tensor, b: Tensor): Tensor {
  check(
    sameShape(a.shape, b.shape),
    'shape',
    () => `add: shapes differ, a ${showShape(a.shape)} vs b ${showShape(b.shape)}`,
  )
  const out = empty(a.device, a.shape, 'add')
  a.device.run('add', { a, b, out }, { count: a.count, alpha: 1 })
  return record(out, [a, b], (dOut, [needsA, needsB]) => [needsA ? dOut : null, needsB ? dOut : null])
}
