// target += alpha · x. One item is 4 elements.
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function accumulate(x: usize, target: usize, count: u32, alpha: f32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  const factor = f32x4.splat(alpha)
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    storePart(target + at, madd(factor, loadPart(x + at, last - i), loadPart(target + at, last - i)), last - i)
  }
}
