import { record } from '../autograd/record.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'
import { broadcastShape, fourAxes, spreadStrides, sumTo } from './array/strides.ts'

/**
 * a · b, element by element; `torch.mul`. f32; shapes are broadcast as torch does: matched from the last axis, one of
 * size 1 serving any. b may be a number.
 * @throws MedAwareError `shape` where shapes do not match, `unsupported` for other dtypes or where broadcasting takes
 * more than four axes.
 */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  checkTensor('mul', 'a', a, 'f32')
  if (typeof b === 'number') return record(scaled(a, b), [a], (dOut) => [scaled(dOut, b)])
  checkTensor('mul', 'b', b, 'f32')
  const rule = (dOut: Tensor, [needsA, needsB]: readonly boolean[]) => [
    needsA === true ? share(dOut, b, a) : null,
    needsB === true ? share(dOut, a, b) : null,
  ]
  return record(product(a, b), [a, b], rule, { reads: [b.requiresGrad ? a : null, a.requiresGrad ? b : null] })
}

/** The gradient of one factor: the output's by the other, summed over where it was spread. */
function share(dOut: Tensor, other: Tensor, of: Tensor): Tensor {
  const whole = product(dOut, other)
  const summed = sumTo(whole, of.shape)
  if (summed.buffer !== whole.buffer) whole.dispose()
  return summed
}

/** a · b without history. */
function product(a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape('mul', a.shape, b.shape)
  const { sizes, first, second } = fourAxes('mul', shape, spreadStrides(a.shape, shape), spreadStrides(b.shape, shape))
  const [[, d1, d2, d3], [a0, a1, a2, a3], [b0, b1, b2, b3]] = [sizes, first, second]
  const out = empty(a.device, shape, 'mul')
  if (out.count > 0) {
    a.device.run('mul', { a, b, out }, { count: out.count, d1, d2, d3, a0, a1, a2, a3, b0, b1, b2, b3 })
  }
  return out
}

/** alpha · x without history. */
function scaled(x: Tensor, alpha: number): Tensor {
  const out = empty(x.device, x.shape, 'mul')
  x.device.run('scale', { x, factor: null, out }, { count: x.count, hasFactor: 0, alpha })
  return out
}
