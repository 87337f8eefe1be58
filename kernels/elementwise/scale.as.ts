// out = factor[0] · alpha · x; factor may be null unless hasFactor. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function scale(
  x: usize,
  factor: usize,
  out: usize,
  count: u32,
  hasFactor: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  const by = f32x4.splat(hasFactor ? load<f32>(factor) * alpha : alpha)
  for (let i = begin << 2; i < last; i += 4) {
    storePart(out + (i << 2), f32x4.mul(by, loadPart(x + (i << 2), last - i)), last - i)
  }
}
