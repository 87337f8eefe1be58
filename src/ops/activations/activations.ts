import { record } from '../../autograd/record.ts'
import type { Rule } from '../../autograd/tape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from '../array/checked.ts'

/** What the kernel calls them. */
const kinds = { relu: 0, sigmoid: 1, tanh: 2 } as const

/** max(x, 0); torch's `relu`. f32, any shape. */
export function relu(x: Tensor): Tensor {
  const { out, rule } = activated('relu', x)
  return record(out, [x], rule, { reads: [out] })
}

/** 1 / (1 + e^-x); torch's `sigmoid`. f32, any shape. */
export function sigmoid(x: Tensor): Tensor {
  const { out, rule } = activated('sigmoid', x)
  return record(out, [x], rule, { reads: [out] })
}

/** Hyperbolic tangent; torch's `tanh`. f32, any shape. */
export function tanh(x: Tensor): Tensor {
  const { out, rule } = activated('tanh', x)
  return record(out, [x], rule, { reads: [out] })
}

/** f(x), and the way back by it. */
function activated(name: keyof typeof kinds, x: Tensor): { readonly out: Tensor; readonly rule: Rule } {
  checkTensor(name, 'x', x, 'f32')
  const { device, count } = x
  const params = { count, kind: kinds[name] }
  const out = empty(device, x.shape, name)
  device.run('activate', { x, out }, params)
  const rule = (dOut: Tensor) => {
    const dX = empty(device, x.shape, `${name} dX`)
    device.run('activateBackward', { dOut, out, dX }, params)
    return [dX]
  }
  return { out, rule }
}
