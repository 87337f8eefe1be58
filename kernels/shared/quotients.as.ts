import { loadPart } from './simd.as.ts'

/** to[i] = a[i] / b[i], 0 where b[i] is 0; whole vectors of `to` are written. */
export function quotients(a: usize, b: usize, count: u32, to: usize): void {
  const zero = f32x4.splat(0)
  for (let i: u32 = 0; i < count; i += 4) {
    const under = loadPart(b + (i << 2), count - i)
    const quotient = f32x4.div(loadPart(a + (i << 2), count - i), under)
    v128.store(to + (i << 2), v128.bitselect(zero, quotient, f32x4.eq(under, zero)))
  }
}
