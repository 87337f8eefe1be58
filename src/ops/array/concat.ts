import { record } from '../../autograd/record.ts'
import type { Rule } from '../../autograd/tape.ts'
import { check } from '../../core/errors.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { axisOf, checkTensor } from './checked.ts'
import { moveElements, stridesOf } from './strides.ts'

/**
 * a, then b, along an axis; `torch.cat`. f32.
 * @param axis From 0, or from -1 backwards.
 * @throws MedAwareError `shape` where they differ along another axis, `unsupported` for other dtypes or where one falls
 * into more than four axes.
 */
export function concat(a: Tensor, b: Tensor, axis: number): Tensor {
  checkTensor('concat', 'a', a, 'f32')
  checkTensor('concat', 'b', b, 'f32')
  const along = axisOf('concat', a, axis)
  const widths = [a, b].map(({ shape }) => shape[along] ?? 0)
  const others = [a, b].map(({ shape }) => shape.filter((_, i) => i !== along))
  check(a.shape.length === b.shape.length && sameShape(others[0] ?? [], others[1] ?? []), 'shape', () => {
    return `concat: a ${showShape(a.shape)} and b ${showShape(b.shape)} must differ along axis ${along} alone`
  })
  const shape = a.shape.map((size, i) => (i === along ? size + (widths[1] ?? 0) : size))
  const out = empty(a.device, shape, 'concat')
  const strides = stridesOf(shape)
  const places = [0, (widths[0] ?? 0) * (strides[along] ?? 0)]
  for (const [i, x] of [a, b].entries()) {
    moveElements('concat', x, out, { shape: x.shape, from: stridesOf(x.shape), to: strides, toFirst: places[i] ?? 0 })
  }
  const rule: Rule = (dOut, needs) =>
    [a, b].map((x, i) => {
      if (needs[i] !== true) return null
      const dX = empty(x.device, x.shape, 'concat dX')
      moveElements('concat', dOut, dX, { shape: x.shape, from: strides, fromFirst: places[i] ?? 0 })
      return dX
    })
  return record(out, [a, b], rule)
}
