// dX = dOut · (Φ(x) + x · φ(x)), φ(x) = exp(-x²/2) / √(2π). One item is 4 elements.
import { exp4, normal4 } from '../shared/math.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function geluBackward(dOut: usize, x: usize, dX: usize, count: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  for (let i = begin << 2; i < last; i += 4) {
    const v = loadPart(x + (i << 2), last - i)
    const density = f32x4.mul(exp4(f32x4.mul(f32x4.mul(v, v), f32x4.splat(-0.5))), f32x4.splat(0.39894228))
    const slope = madd(v, density, normal4(v))
    storePart(dX + (i << 2), f32x4.mul(loadPart(dOut + (i << 2), last - i), slope), last - i)
  }
}
