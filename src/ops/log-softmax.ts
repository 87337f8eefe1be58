import { record } from '../autograd/record.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'

/**
 * x - log Σ exp(x) along the last axis, which makes logits log probabilities; `torch.log_softmax` along dim -1. f32,
 * any shape.
 * @throws MedAwareError `unsupported` for other dtypes.
 */
export function logSoftmax(x: Tensor): Tensor {
  checkTensor('logSoftmax', 'x', x, 'f32')
  const { device, rows, columns: dim } = x
  const out = empty(device, x.shape, 'log softmax')
  if (out.count > 0) device.run('logSoftmax', { x, out }, { rows, dim })
  const rule = (dOut: Tensor) => {
    const dX = empty(device, x.shape, 'log softmax dX')
    device.run('logSoftmaxBackward', { dOut, out, dX }, { rows, dim })
    return [dX]
  }
  return record(out, [x], rule, { reads: [out] })
}
