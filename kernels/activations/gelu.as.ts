// out = x · Φ(x), Φ(x) = (1 + erf(x/√2)) / 2: exact GELU (Hendrycks & Gimpel 2016). One item is 4 elements.
import { normal4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function gelu(x: usize, out: usize, count: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  let i = begin << 2
  // Two at a time: V8 makes pairs of them in the build `wide`.
  for (; i + 8 <= last; i += 8) {
    const at: usize = i << 2
    const low = valueOf(v128.load(x + at))
    const high = valueOf(v128.load(x + at, 16))
    v128.store(out + at, low)
    v128.store(out + at, high, 16)
  }
  for (; i < last; i += 4) storePart(out + (i << 2), valueOf(loadPart(x + (i << 2), last - i)), last - i)
}

// @inline
function valueOf(v: v128): v128 {
  return f32x4.mul(v, normal4(v))
}
