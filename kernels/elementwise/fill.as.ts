// out = value. One item is 4 elements.
import { storePart } from '../shared/simd.as.ts'

export function fill(out: usize, count: u32, value: f32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  for (let i = begin << 2; i < last; i += 4) storePart(out + (i << 2), f32x4.splat(value), last - i)
}
