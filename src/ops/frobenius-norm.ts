import { record } from '../autograd/record.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'

/**
 * √Σ x² over all elements: f32 [1]; `torch.linalg.norm`. f32. Where it is 0, so is its gradient, as in torch.
 * @throws MedAwareError `unsupported` for other dtypes.
 */
export function frobeniusNorm(x: Tensor): Tensor {
  checkTensor('frobeniusNorm', 'x', x, 'f32')
  const { device, count } = x
  const out = empty(device, [1], 'norm')
  device.run('frobeniusNorm', { x, out }, { count })
  const rule = (dOut: Tensor) => {
    const dX = empty(device, x.shape, 'norm dX')
    device.run('frobeniusNormBackward', { dOut, x, norm: out, out: dX }, { count })
    return [dX]
  }
  return record(out, [x], rule, { reads: [x, out] })
}
