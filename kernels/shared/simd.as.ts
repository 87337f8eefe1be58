// Helpers on vectors of four f32.

/** a · b + c: fused in the relaxed build, rounded twice in the plain one. */
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c)
}

/** Loads `count` numbers, at most 4; the other lanes are 0 and their memory is not touched. */
export function loadPart(from: usize, count: u32): v128 {
  if (count >= 4) return v128.load(from)
  let v = v128.load32_zero(from)
  if (count > 1) v = v128.load32_lane(from, v, 1, 4)
  if (count > 2) v = v128.load32_lane(from, v, 2, 8)
  return v
}

/** Stores the first `count` lanes, at most 4. */
export function storePart(to: usize, v: v128, count: u32): void {
  if (count >= 4) {
    v128.store(to, v)
    return
  }
  v128.store32_lane(to, v, 0)
  if (count > 1) v128.store32_lane(to, v, 1, 4)
  if (count > 2) v128.store32_lane(to, v, 2, 8)
}

/** Stores the lanes of even places, of eight, at `evens` and those of odd ones at `odds`. */
export function storeSplit(low: v128, high: v128, evens: usize, odds: usize): void {
  v128.store(evens, v128.shuffle<f32>(low, high, 0, 2, 4, 6))
  v128.store(odds, v128.shuffle<f32>(low, high, 1, 3, 5, 7))
}

/** The four sums of lanes of a, b, c and d; each is (0 + 1) + (2 + 3). */
export function sumFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7))
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 2, 4, 6), v128.shuffle<f32>(c, d, 1, 3, 5, 7))
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7))
}

/** Sum of the lanes. */
export function sumLanes(v: v128): f32 {
  const a = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)
  return a + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
}

/** Largest lane. */
export function maxLane(v: v128): f32 {
  const a = max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1))
  return max<f32>(a, max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)))
}

/** Adds the four lanes to two f64 sums: lanes 0 and 2 to the first, 1 and 3 to the second. */
export function widen(total: v128, v: v128): v128 {
  const high = v128.shuffle<f32>(v, v, 2, 3, 2, 3)
  return f64x2.add(total, f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(high)))
}

/** Sum of both f64 lanes. */
export function sumWide(total: v128): f64 {
  return f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1)
}

/** Stores columns of the 4x4 block whose rows are a, b, c, d at `to`, `to + step`, … */
export function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, step: usize): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5)
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5)
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<f64>(ab0, cd0, 0, 2))
  v128.store(to + step, v128.shuffle<f64>(ab0, cd0, 1, 3))
  v128.store(to + 2 * step, v128.shuffle<f64>(ab1, cd1, 0, 2))
  v128.store(to + 3 * step, v128.shuffle<f64>(ab1, cd1, 1, 3))
}
