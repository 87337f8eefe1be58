import { empty, type Tensor } from '../tensor/tensor.ts'

/** Elements whose squares are summed together. */
const SHARE = 16384

/** How many sums `sumSquares` writes. */
export function shareCount(grads: readonly Tensor[]): number {
  return grads.reduce((sum, { count }) => sum + Math.ceil(count / SHARE), 0)
}

/** Writes sums of squares of shares of each gradient into `out`, f32, from `slot` on. */
export function sumSquares(grads: readonly Tensor[], out: Tensor, slot: number): void {
  let next = slot
  for (const grad of grads) {
    grad.device.run('sumSquares', { x: grad, out }, { count: grad.count, share: SHARE, slot: next })
    next += Math.ceil(grad.count / SHARE)
  }
}

/**
 * The factor that brings the global norm of `grads` down to `maxNorm`, computed on the device as torch's
 * clip_grad_norm_ does: f32 [2], min(1, maxNorm / (norm + 1e-6)) and the norm before clipping. `maxNorm` 0 clips
 * nothing; a norm that is not finite gives factor 0, with which AdamW changes nothing.
 */
export function clipFactor(grads: readonly Tensor[], maxNorm: number): Tensor {
  const [first] = grads
  if (first === undefined) throw new RangeError('clipFactor: no gradients')
  const { device } = first
  const shares = shareCount(grads)
  const squares = empty(device, [shares], 'squared norms')
  sumSquares(grads, squares, 0)
  const clip = empty(device, [2], 'clip factor')
  device.run('clipFactor', { squares, clip }, { count: shares, maxNorm })
  squares.dispose()
  return clip
}

/** Of what `clipFactor` gave: f32 [2], whose first number is 1, or 0 where a gradient is not finite. */
export function finiteFactor(clip: Tensor): Tensor {
  const { device } = clip
  const isFinite = empty(device, [2], 'finite')
  // The factor and the norm are as good as squares: their sum is finite where the norm is.
  device.run('clipFactor', { squares: clip, clip: isFinite }, { count: 2, maxNorm: 0 })
  return isFinite
}
