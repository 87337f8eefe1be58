// AdaLoRA's importance of each parameter, I = |param · clip[0] · grad|, smoothed, and how far it strays (arXiv
// 2303.10512, eqs. 8 to 11): average = beta1 average + gain1 I; uncertainty = beta2 uncertainty + gain2 |I - average|,
// gain = 1 - beta. clip[0] = 0 changes nothing. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function sensitivity(
  param: usize,
  grad: usize,
  clip: usize,
  average: usize,
  uncertainty: usize,
  count: u32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  if (load<f32>(clip) == 0) return
  const factor = f32x4.splat(load<f32>(clip))
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    const clipped = f32x4.mul(factor, loadPart(grad + at, left))
    const importance = f32x4.abs(f32x4.mul(loadPart(param + at, left), clipped))
    const mean = mix(loadPart(average + at, left), importance, beta1, gain1)
    const strays = f32x4.abs(f32x4.sub(importance, mean))
    storePart(average + at, mean, left)
    storePart(uncertainty + at, mix(loadPart(uncertainty + at, left), strays, beta2, gain2), left)
  }
}

function mix(old: v128, now: v128, beta: f32, gain: f32): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(beta), old), f32x4.mul(f32x4.splat(gain), now))
}
