// torch.optim.SGD without momentum: param = keep · param - step · clip[0] · grad, keep = 1 - lr · decay, step = lr.
// clip[0] = 0 changes nothing. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function sgd(
  grad: usize,
  clip: usize,
  param: usize,
  count: u32,
  keep: f32,
  step: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  if (load<f32>(clip) == 0) return
  const factor = f32x4.splat(load<f32>(clip) * step)
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    const change = f32x4.mul(factor, loadPart(grad + at, left))
    storePart(param + at, f32x4.sub(f32x4.mul(f32x4.splat(keep), loadPart(param + at, left)), change), left)
  }
}
