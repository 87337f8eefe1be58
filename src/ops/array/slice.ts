import { record } from '../../autograd/record.ts'
import type { Rule } from '../../autograd/tape.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { show } from '../../core/show.ts'
import { empty, type Tensor, zeros } from '../../tensor/tensor.ts'
import { axisOf, checkTensor } from './checked.ts'
import { moveElements, stridesOf } from './strides.ts'

/**
 * Elements `begin` to `end` along an axis, copied; `torch.narrow`. f32 or i32 (which has no gradient).
 * @param axis From 0, or from -1 backwards.
 * @param begin The first one, from 0.
 * @param end Behind the last one. Default: all that are left.
 * @throws MedAwareError `shape` for an axis or a range that is not there, `unsupported` for other dtypes or where x
 * falls into more than four axes.
 */
export function slice(x: Tensor, axis: number, begin: number, end?: number): Tensor {
  checkTensor('slice', 'x', x, 'f32', 'i32')
  const along = axisOf('slice', x, axis)
  const size = x.shape[along] ?? 0
  const behind = end ?? size
  const isThere = Number.isInteger(begin) && Number.isInteger(behind) && begin >= 0 && begin <= behind && behind <= size
  check(isThere, 'shape', () => `slice: ${show(begin)} to ${show(behind)} of axis ${along} of ${showShape(x.shape)}`)
  const shape = x.shape.map((each, i) => (i === along ? behind - begin : each))
  const strides = stridesOf(x.shape)
  const first = begin * (strides[along] ?? 0)
  const out = empty(x.device, shape, 'slice', x.dtype)
  moveElements('slice', x, out, { shape, from: strides, fromFirst: first })
  const rule: Rule = (dOut, _, [total]) => {
    const dX = total ?? zeros(x.device, x.shape, 'slice dX')
    const move = { shape, from: stridesOf(shape), to: strides, toFirst: first, accumulate: dX === total }
    moveElements('slice', dOut, dX, move)
    return [dX]
  }
  // Many slices of one tensor have one gradient, in which each adds to its own place alone.
  return record(out, [x], rule, { addsTo: [x] })
}
