// out[0] = sqrt(Σ x²) over count elements, summed in f64. One item in all.
import { loadPart, sumWide, widen } from '../shared/simd.as.ts'

export function frobeniusNorm(x: usize, out: usize, count: u32, begin: u32, end: u32): void {
  if (begin >= end) return
  let total = f64x2.splat(0)
  for (let i: u32 = 0; i < count; i += 4) {
    const v = loadPart(x + (i << 2), count - i)
    total = widen(total, f32x4.mul(v, v))
  }
  store<f32>(out, <f32>Math.sqrt(sumWide(total)))
}
