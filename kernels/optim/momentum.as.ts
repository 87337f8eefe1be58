// What SGD and Muon move by, on g = clip[0] · grad + decay · param: m = beta m + gain g, and out = now · g + past · m,
// gain = 1 - dampening. clip[0] = 0 leaves m as it is and makes out 0. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function momentum(
  grad: usize,
  clip: usize,
  param: usize,
  m: usize,
  out: usize,
  count: u32,
  decay: f32,
  beta: f32,
  gain: f32,
  now: f32,
  past: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  const factor = f32x4.splat(load<f32>(clip))
  const isIdle = load<f32>(clip) == 0
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    if (isIdle) {
      storePart(out + at, f32x4.splat(0), left)
      continue
    }
    const decayed = f32x4.mul(f32x4.splat(decay), loadPart(param + at, left))
    const g = f32x4.add(f32x4.mul(factor, loadPart(grad + at, left)), decayed)
    const mean = mix(loadPart(m + at, left), g, beta, gain)
    storePart(m + at, mean, left)
    storePart(out + at, mix(g, mean, now, past), left)
  }
}

function mix(a: v128, b: v128, ofA: f32, ofB: f32): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(ofA), a), f32x4.mul(f32x4.splat(ofB), b))
}
