import { record } from '../autograd/record.ts'
import { sameShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'
import { broadcastShape, moveElements, spreadStrides, sumTo } from './array/strides.ts'

/**
 * a + b, element by element; `torch.add`. f32; shapes are broadcast as torch does: matched from the last axis, one of
 * size 1 serving any. b may be a number.
 * @throws MedAwareError `shape` where shapes do not match, `unsupported` for other dtypes or where broadcasting takes
 * more than four axes.
 */
export function add(a: Tensor, b: Tensor | number): Tensor {
  if (typeof b === 'number') return record(raised(a, b), [a], (dOut) => [dOut])
  const rule = (dOut: Tensor, [needsA, needsB]: readonly boolean[]) => [
    needsA === true ? sumTo(dOut, a.shape) : null,
    needsB === true ? sumTo(dOut, b.shape) : null,
  ]
  return record(total(a, b), [a, b], rule)
}

/** a + b without history. */
function total(a: Tensor, b: Tensor): Tensor {
  checkTensor('add', 'a', a, 'f32')
  checkTensor('add', 'b', b, 'f32')
  const shape = broadcastShape('add', a.shape, b.shape)
  const out = empty(a.device, shape, 'add')
  if (sameShape(a.shape, b.shape)) a.device.run('add', { a, b, out }, { count: a.count, alpha: 1 })
  else {
    moveElements('add', a, out, { shape, from: spreadStrides(a.shape, shape) })
    moveElements('add', b, out, { shape, from: spreadStrides(b.shape, shape), accumulate: true })
  }
  return out
}

/** x + value without history. */
function raised(x: Tensor, value: number): Tensor {
  checkTensor('add', 'a', x, 'f32')
  const out = empty(x.device, x.shape, 'add')
  x.device.run('fill', { out }, { count: x.count, value })
  x.device.run('accumulate', { x, target: out }, { count: x.count, alpha: 1 })
  return out
}
