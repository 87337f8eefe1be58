// Lion (arXiv 2302.06675, as bitsandbytes computes it) on g = clip[0] · grad:
// param = keep · param - step · sign(beta1 m + gain1 g), keep = 1 - lr · decay, step = lr; then m = beta2 m + gain2 g,
// gain = 1 - beta; the sign of 0 is 0. clip[0] = 0 changes nothing. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function lion(
  grad: usize,
  clip: usize,
  param: usize,
  m: usize,
  count: u32,
  keep: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  step: f32,
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
    const before = loadPart(m + at, left)
    const change = f32x4.mul(f32x4.splat(step), sign(mix(before, g, beta1, gain1)))
    storePart(m + at, mix(before, g, beta2, gain2), left)
    storePart(param + at, f32x4.sub(f32x4.mul(f32x4.splat(keep), loadPart(param + at, left)), change), left)
  }
}

function mix(old: v128, now: v128, beta: f32, gain: f32): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(beta), old), f32x4.mul(f32x4.splat(gain), now))
}

/** 1, 0 or -1. */
function sign(x: v128): v128 {
  const zero = f32x4.splat(0)
  const isAbove = v128.and(f32x4.gt(x, zero), f32x4.splat(1))
  return f32x4.sub(isAbove, v128.and(f32x4.lt(x, zero), f32x4.splat(1)))
}
