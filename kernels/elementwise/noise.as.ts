// out[i] = x[i] + scale · (2 u - 1), u in [0, 1) from the upper 24 bits of mix32((first + i) ^ seed). One item is 4
// elements.
import { mix4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function noise(x: usize, out: usize, count: u32, first: u32, seed: u32, scale: f32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  for (let i = begin << 2; i < last; i += 4) {
    const index = i32x4.add(i32x4.splat(first + i), i32x4(0, 1, 2, 3))
    const drawn = i32x4.shr_u(mix4(v128.xor(index, i32x4.splat(seed))), 8)
    // 2^-23: from 0 to below 2.
    const twice = f32x4.mul(f32x4.convert_i32x4_s(drawn), f32x4.splat(1.1920928955078125e-7))
    const moved = f32x4.mul(f32x4.splat(scale), f32x4.sub(twice, f32x4.splat(1)))
    storePart(out + (i << 2), f32x4.add(loadPart(x + (i << 2), last - i), moved), last - i)
  }
}
