import { empty, type Tensor } from '../tensor/tensor.ts'

/** Elements whose squares are summed together. */
const SHARE = 16384

/**
 * The factor that brings the global norm of `grads` down to `maxNorm`, computed on the device as torch's
 * clip_grad_norm_ does: f32 [2], min(1, maxNorm / (norm + 1e-6)) and the norm before clipping. `maxNorm` 0 clips
 * nothing; a norm that is not finite gives factor 0, with which AdamW changes nothing.
 */
export function clipFactor(grads: readonly Tensor[], maxNorm: number): Tensor {
  const [first] = grads
  if (first === undefined) throw new RangeError('clipFactor: no gradients')
  const { device } = first
  const shares = grads.reduce((sum, { count }) => sum + Math.ceil(count / SHARE), 0)
  const squares = empty(device, [shares], 'squared norms')
  let slot = 0
  for (const grad of grads) {
    device.run('sumSquares', { x: grad, out: squares }, { count: grad.count, share: SHARE, slot })
    slot += Math.ceil(grad.count / SHARE)
  }
  const clip = empty(device, [2], 'clip factor')
  device.run('clipFactor', { squares, clip }, { count: shares, maxNorm })
  squares.dispose()
  return clip
}
