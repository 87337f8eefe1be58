// out[i] = mix32((first + i) ^ seed) >= threshold ? x[i] · scale : 0, compared unsigned. One item is 4 elements.
import { mix4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function dropout(
  x: usize,
  out: usize,
  count: u32,
  first: u32,
  seed: u32,
  threshold: u32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  for (let i = begin << 2; i < last; i += 4) {
    const index = i32x4.add(i32x4.splat(first + i), i32x4(0, 1, 2, 3))
    const keep = i32x4.ge_u(mix4(v128.xor(index, i32x4.splat(seed))), i32x4.splat(threshold))
    const v = f32x4.mul(loadPart(x + (i << 2), last - i), f32x4.splat(scale))
    storePart(out + (i << 2), v128.and(v, keep), last - i)
  }
}
