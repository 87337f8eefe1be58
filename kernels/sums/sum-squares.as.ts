// out[slot + s] = Σ x² over the s-th `share` elements of count, summed in f64; share is a multiple of 4. One item is a
// share.
import { loadPart, sumWide, widen } from '../shared/simd.as.ts'

export function sumSquares(x: usize, out: usize, count: u32, share: u32, slot: u32, begin: u32, end: u32): void {
  for (let s = begin; s < end; s++) {
    const last = min<u32>(count, (s + 1) * share)
    let total = f64x2.splat(0)
    for (let i = s * share; i < last; i += 4) {
      const v = loadPart(x + (i << 2), last - i)
      total = widen(total, f32x4.mul(v, v))
    }
    store<f32>(out + ((slot + s) << 2), <f32>sumWide(total))
  }
}
