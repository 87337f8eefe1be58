import { empty, type Tensor } from '../../tensor/tensor.ts'

/** a - b without history: what an adapter adds to a weight. f32, of one shape. */
export function differenceOf(a: Tensor, b: Tensor): Tensor {
  const out = empty(a.device, a.shape, 'delta weight')
  a.device.run('add', { a, b, out }, { count: a.count, alpha: -1 })
  return out
}
