// torch.optim.AdamW on g = clip[0] · grad: m = beta1 m + gain1 g, v = beta2 v + gain2 g², gain = 1 - beta;
// param = keep · param - step · m / (sqrt(v) / root2 + eps), keep = 1 - lr · decay, step = lr / (1 - beta1^t),
// root2 = sqrt(1 - beta2^t). clip[0] = 0 changes nothing. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function adamw(
  grad: usize,
  clip: usize,
  param: usize,
  m: usize,
  v: usize,
  count: u32,
  keep: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  step: f32,
  root2: f32,
  eps: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  if (load<f32>(clip) == 0) return
  const factor = f32x4.splat(load<f32>(clip))
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    const g = f32x4.mul(factor, loadPart(grad + at, left))
    const first = mix(loadPart(m + at, left), g, beta1, gain1)
    const second = mix(loadPart(v + at, left), f32x4.mul(g, g), beta2, gain2)
    storePart(m + at, first, left)
    storePart(v + at, second, left)
    const root = f32x4.add(f32x4.div(f32x4.sqrt(second), f32x4.splat(root2)), f32x4.splat(eps))
    const change = f32x4.div(f32x4.mul(f32x4.splat(step), first), root)
    storePart(param + at, f32x4.sub(f32x4.mul(f32x4.splat(keep), loadPart(param + at, left)), change), left)
  }
}

function mix(old: v128, now: v128, beta: f32, gain: f32): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(beta), old), f32x4.mul(f32x4.splat(gain), now))
}
