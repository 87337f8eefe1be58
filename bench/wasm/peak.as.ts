// The peak of one thread: twelve chains of multiply-adds that stay in registers. 96 floating-point operations a step.
// They come from memory and end in adjacent stores: what V8 needs to make six chains of twice the width of them.
const sums = memory.data(192, 32)

function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c)
}

export function peak(steps: u32, factor: f32, term: f32): void {
  const x = f32x4.splat(factor)
  const y = f32x4.splat(term)
  let c0 = v128.load(sums)
  let c1 = v128.load(sums, 16)
  let c2 = v128.load(sums, 32)
  let c3 = v128.load(sums, 48)
  let c4 = v128.load(sums, 64)
  let c5 = v128.load(sums, 80)
  let c6 = v128.load(sums, 96)
  let c7 = v128.load(sums, 112)
  let c8 = v128.load(sums, 128)
  let c9 = v128.load(sums, 144)
  let c10 = v128.load(sums, 160)
  let c11 = v128.load(sums, 176)
  for (let i: u32 = 0; i < steps; i++) {
    c0 = madd(c0, x, y)
    c1 = madd(c1, x, y)
    c2 = madd(c2, x, y)
    c3 = madd(c3, x, y)
    c4 = madd(c4, x, y)
    c5 = madd(c5, x, y)
    c6 = madd(c6, x, y)
    c7 = madd(c7, x, y)
    c8 = madd(c8, x, y)
    c9 = madd(c9, x, y)
    c10 = madd(c10, x, y)
    c11 = madd(c11, x, y)
  }
  v128.store(sums, c0)
  v128.store(sums, c1, 16)
  v128.store(sums, c2, 32)
  v128.store(sums, c3, 48)
  v128.store(sums, c4, 64)
  v128.store(sums, c5, 80)
  v128.store(sums, c6, 96)
  v128.store(sums, c7, 112)
  v128.store(sums, c8, 128)
  v128.store(sums, c9, 144)
  v128.store(sums, c10, 160)
  v128.store(sums, c11, 176)
}
