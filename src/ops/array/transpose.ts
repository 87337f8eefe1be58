import { record } from '../../autograd/record.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { axisOf, checkTensor } from './checked.ts'
import { moveElements, stridesOf } from './strides.ts'

/**
 * x with two of its axes exchanged, copied; `torch.transpose`. f32 or i32 (which has no gradient).
 * @param a An axis, from 0 or from -1 backwards; so is `b`.
 * @throws MedAwareError `shape` for an axis that is not there, `unsupported` for other dtypes or where x falls into
 * more than four axes.
 */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  checkTensor('transpose', 'x', x, 'f32', 'i32')
  const [first, second] = [axisOf('transpose', x, a), axisOf('transpose', x, b)]
  return record(exchanged(x, first, second), [x], (dOut) => [exchanged(dOut, first, second)])
}

function exchanged(x: Tensor, a: number, b: number): Tensor {
  const swap = <T>(items: readonly T[]) =>
    items.map((item, i) => (i === a ? items[b] : i === b ? items[a] : item) ?? item)
  const shape = swap(x.shape)
  const out = empty(x.device, shape, 'transpose', x.dtype)
  moveElements('transpose', x, out, { shape, from: swap(stridesOf(x.shape)) })
  return out
}
