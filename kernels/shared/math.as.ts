import { madd } from './simd.as.ts'

// Functions of four f32 at a time. Coefficients are broadcast from memory: V8 builds a vector constant in three steps.
// They are inlined (`forAsc` in kernels/for-asc.ts): a call spills all vectors, and V8 makes no pairs across one.

function each(table: usize, i: u32): v128 {
  return v128.load32_splat(table + (i << 2))
}

const expLimits = memory.data<f32>([-87.3365447, 88.3762626, 1.44269504, 12582912])
// ln 2 in two pieces, the first with so few bits that its product with n is exact.
const ln2 = memory.data<f32>([-0.693359375, 2.1219444e-4])
const expSeries = memory.data<f32>([
  1.98756915e-4, 1.39819995e-3, 8.33345191e-3, 4.16657959e-2, 0.166666655, 0.500000012, 1,
])

/** e^x within 2 ulp; 0 below -87.33, and e^88.37 above 88.37 (Cephes expf, S. Moshier 1989). */
// @inline
export function exp4(x: v128): v128 {
  const least = each(expLimits, 0)
  const t = f32x4.pmax(f32x4.pmin(x, each(expLimits, 1)), least)
  // Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
  const shifted = madd(t, each(expLimits, 2), each(expLimits, 3))
  const n = f32x4.sub(shifted, each(expLimits, 3))
  const r = f32x4.add(f32x4.add(t, f32x4.mul(n, each(ln2, 0))), f32x4.mul(n, each(ln2, 1)))
  let p = madd(each(expSeries, 0), r, each(expSeries, 1))
  p = madd(p, r, each(expSeries, 2))
  p = madd(p, r, each(expSeries, 3))
  p = madd(p, r, each(expSeries, 4))
  p = madd(p, r, each(expSeries, 5))
  const one = each(expSeries, 6)
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), one)
  // 2^n: n is added to the exponent of 1.
  const power = i32x4.add(i32x4.shl(shifted, 23), one)
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, least))
}

/** 1 / (1 + e^-x). */
// @inline
export function sigmoid4(x: v128): v128 {
  const one = each(expSeries, 6)
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))))
}

const powerLimits = memory.data<f32>([-125, 12582912])
const powerSeries = memory.data<f32>([
  1, 0.693147181, 0.240226479, 0.0555033247, 0.00961843736, 0.00133988744, 1.53533619e-4,
])

/** 2^x within 2 ulp for x up to 127, 0 below -125 (Cephes exp2f, S. Moshier 1989, its series in pairs). */
// @inline
export function power4(x: v128): v128 {
  const least = each(powerLimits, 0)
  const shifted = f32x4.add(f32x4.pmax(x, least), each(powerLimits, 1))
  const f = f32x4.sub(f32x4.pmax(x, least), f32x4.sub(shifted, each(powerLimits, 1)))
  const square = f32x4.mul(f, f)
  const low = madd(each(powerSeries, 1), f, each(powerSeries, 0))
  const middle = madd(each(powerSeries, 3), f, each(powerSeries, 2))
  const high = madd(each(powerSeries, 6), square, madd(each(powerSeries, 5), f, each(powerSeries, 4)))
  const p = madd(f32x4.mul(square, square), high, madd(middle, square, low))
  // 2^n: n, in the low bits of `shifted`, is added to the exponent.
  return v128.andnot(i32x4.add(p, i32x4.shl(shifted, 23)), f32x4.lt(x, least))
}

const erfFar = memory.data<f32>([
  -1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -0.106777877, -0.634846687, -0.128717512,
])
const erfNear = memory.data<f32>([
  -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 0.112819925, -0.376125336, 0.128379166,
])
const erfLimits = memory.data<f32>([4, 0.927734375, -0.0])

/** erf(x) within 1e-7 (minimax polynomials of N. Juffa, "my_erff", stackoverflow.com/a/35148199). */
// @inline
export function erf4(x: v128): v128 {
  const sign = v128.and(x, each(erfLimits, 2))
  const t = f32x4.pmin(f32x4.abs(x), each(erfLimits, 0))
  const s = f32x4.mul(t, t)
  let far = madd(each(erfFar, 0), t, each(erfFar, 1))
  far = madd(far, s, madd(each(erfFar, 2), t, each(erfFar, 3)))
  far = madd(far, t, each(erfFar, 4))
  far = madd(far, t, each(erfFar, 5))
  far = madd(far, t, each(erfFar, 6))
  far = f32x4.sub(each(expSeries, 6), exp4(f32x4.sub(f32x4.mul(far, t), t)))
  let near = madd(each(erfNear, 0), s, each(erfNear, 1))
  near = madd(near, s, each(erfNear, 2))
  near = madd(near, s, each(erfNear, 3))
  near = madd(near, s, each(erfNear, 4))
  near = madd(near, s, each(erfNear, 5))
  near = madd(near, t, t)
  return v128.or(v128.bitselect(far, near, f32x4.gt(t, each(erfLimits, 1))), sign)
}

/** The normal distribution up to x: (1 + erf(x/√2)) / 2. */
// @inline
export function normal4(x: v128): v128 {
  const half = f32x4.splat(0.5)
  return madd(half, erf4(f32x4.mul(x, f32x4.splat(0.707106781))), half)
}

/** lowbias32 (C. Wellons 2018), as `mix32` in src/core/random.ts. */
export function mix4(value: v128): v128 {
  let x = v128.xor(value, i32x4.shr_u(value, 16))
  x = i32x4.mul(x, i32x4.splat(0x7feb352d))
  x = v128.xor(x, i32x4.shr_u(x, 15))
  x = i32x4.mul(x, i32x4.splat(0x846ca68b))
  return v128.xor(x, i32x4.shr_u(x, 16))
}
