import { record } from '../autograd/record.ts'
import { number, readArgument } from '../core/options.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'

/**
 * x with noise, uniform from -scale to scale, on each element: a hash of `seed` and the element's index, so that two
 * devices agree. Its gradient is that of x. f32, any shape.
 * @throws MedAwareError `unsupported` for other dtypes, `config` for a scale below 0.
 */
export function noise(x: Tensor, scale: number, seed: number): Tensor {
  checkTensor('noise', 'x', x, 'f32')
  readArgument('noise', 'scale', scale, number({ from: 0 }))
  const { device, shape, count } = x
  const out = empty(device, shape, 'noise')
  device.run('noise', { x, out }, { count, first: 0, seed: seed >>> 0, scale })
  return record(out, [x], (dOut) => [dOut])
}
