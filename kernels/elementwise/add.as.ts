// out = a + alpha · b. One item is 4 elements.
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function add(a: usize, b: usize, out: usize, count: u32, alpha: f32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  const factor = f32x4.splat(alpha)
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    storePart(out + at, madd(factor, loadPart(b + at, last - i), loadPart(a + at, last - i)), last - i)
  }
}
