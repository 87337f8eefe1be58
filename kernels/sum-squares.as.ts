// out[slot] = (accumulate ? out[slot] : 0) + Σ x², summed in f64. One item in all.
import { loadPart, sumWide, widen } from './simd.as.ts'

export function sumSquares(
  x: usize,
  out: usize,
  count: u32,
  slot: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  if (begin >= end) return
  let total = f64x2.splat(0)
  for (let i: u32 = 0; i < count; i += 4) {
    const v = loadPart(x + (i << 2), count - i)
    total = widen(total, f32x4.mul(v, v))
  }
  const at = out + (slot << 2)
  store<f32>(at, <f32>(sumWide(total) + (accumulate ? <f64>load<f32>(at) : 0)))
}
