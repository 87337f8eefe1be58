import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'

/**
 * Elements by their place along the last axis: out[…, j] = x[…, ids[…, j]]; `torch.gather` along dim -1. x f32 [...,
 * n], ids i32 [..., k] with the same axes before; out f32 [..., k]. An id that is no place, such as an ignored label's
 * -100, gives 0 and takes no gradient.
 * @throws MedAwareError `shape` where the axes differ, `unsupported` for other dtypes.
 */
export function gather(x: Tensor, ids: Tensor): Tensor {
  checkTensor('gather', 'x', x, 'f32')
  checkTensor('gather', 'ids', ids, 'i32')
  const before = x.shape.slice(0, -1)
  check(x.shape.length > 0 && sameShape(before, ids.shape.slice(0, -1)) && ids.shape.length > 0, 'shape', () => {
    return `gather: ids ${showShape(ids.shape)} must have the axes of x ${showShape(x.shape)} but the last`
  })
  const sizes = { rows: x.rows, dim: x.columns, picks: ids.columns }
  const out = empty(x.device, ids.shape, 'gather')
  if (out.count > 0) x.device.run('gather', { ids, x, out }, sizes)
  const rule = (dOut: Tensor) => {
    const dX = empty(x.device, x.shape, 'gather dX')
    x.device.run('gatherBackward', { ids, dOut, dX }, sizes)
    return [dX]
  }
  return record(out, [x], rule, { reads: [ids] })
}
