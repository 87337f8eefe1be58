// dX = dOut · (Φ(x) + x · φ(x)), φ(x) = exp(-x²/2) / √(2π). One item is 4 elements.
import { exp4, normal4 } from '../shared/math.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function geluBackward(dOut: usize, x: usize, dX: usize, count: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  let i = begin << 2
  // Two at a time: V8 makes pairs of them in the build `wide`.
  for (; i + 8 <= last; i += 8) {
    const at: usize = i << 2
    const low = f32x4.mul(v128.load(dOut + at), slopeOf(v128.load(x + at)))
    const high = f32x4.mul(v128.load(dOut + at, 16), slopeOf(v128.load(x + at, 16)))
    v128.store(dX + at, low)
    v128.store(dX + at, high, 16)
  }
  for (; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    storePart(dX + at, f32x4.mul(loadPart(dOut + at, left), slopeOf(loadPart(x + at, left))), left)
  }
}

// @inline
function slopeOf(v: v128): v128 {
  const density = f32x4.mul(exp4(f32x4.mul(f32x4.mul(v, v), f32x4.splat(-0.5))), f32x4.splat(0.39894228))
  return madd(v, density, normal4(v))
}
