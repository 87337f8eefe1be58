// out = x · Φ(x), Φ(x) = (1 + erf(x/√2)) / 2: exact GELU (Hendrycks & Gimpel 2016). One item is 4 elements.
import { normal4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function gelu(x: usize, out: usize, count: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  for (let i = begin << 2; i < last; i += 4) {
    const v = loadPart(x + (i << 2), last - i)
    storePart(out + (i << 2), f32x4.mul(v, normal4(v)), last - i)
  }
}
