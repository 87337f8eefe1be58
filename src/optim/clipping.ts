import { empty, type Tensor } from '../tensor/tensor.ts'

/**
 * The factor that brings the global norm of `grads` down to `maxNorm`, computed on the device as torch's
 * clip_grad_norm_ does: f32 [2], min(1, maxNorm / (norm + 1e-6)) and the norm before clipping. `maxNorm` 0 clips nothing;
 * a norm that is not finite gives factor 0, with which AdamW changes nothing.
 */
export function clipFactor(grads: readonly Tensor[], maxNorm: number): Tensor {
  const [first] = grads
  if (first === undefined) throw new RangeError('clipFactor: no gradients')
  const { device } = first
  const squares = empty(device, [grads.length], 'squared norms')
  grads.forEach((x, slot) => {
    device.run('sumSquares', { x, out: squares }, { count: x.count, slot, accumulate: 0 })
  })
  const clip = empty(device, [2], 'clip factor')
  device.run('clipFactor', { squares, clip }, { count: grads.length, maxNorm })
  squares.dispose()
  return clip
}
