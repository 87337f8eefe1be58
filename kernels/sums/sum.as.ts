// out[0] = (accumulate ? out[0] : 0) + alpha · Σ x, summed in f64. One item in all.
import { loadPart, sumWide, widen } from '../shared/simd.as.ts'

export function sum(x: usize, out: usize, count: u32, accumulate: u32, alpha: f32, begin: u32, end: u32): void {
  if (begin >= end) return
  let total = f64x2.splat(0)
  for (let i: u32 = 0; i < count; i += 4) total = widen(total, loadPart(x + (i << 2), count - i))
  store<f32>(out, <f32>(sumWide(total) * <f64>alpha + (accumulate ? <f64>load<f32>(out) : 0)))
}
