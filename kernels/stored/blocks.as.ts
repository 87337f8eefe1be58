// Decoding of GGUF's blocks of 4, 5 and 6 bits (ggml-common.h): value i of the flattened matrix is
// (code - centre) · scale + least. 32 codes are `bits` words: in the first four element i of eight is in byte i % 4, in
// its low half where i < 4; behind them is a word of their fifth bits, or two words of the upper two bits of 16 each,
// element i in byte i % 4 from bit i / 4, or i / 4 · 2, on. All products are exact, so a value is rounded once at most.

export let codes: usize = 0
export let absmax: usize = 0
export let nested: usize = 0
export let spare: usize = 0
export let bits: u32 = 4
export let scaling: u32 = 3
let centre: i8 = 0

/** 2^-14, the smallest f16 that is not subnormal. */
const LEAST_NORMAL: f32 = 0.00006103515625
/** What changes no number that it is added to, not even -0. */
export const NOTHING: f32 = -0.0

// Where constants lie, since V8 makes a vector that it knows anew wherever it is used.
const NIBBLES: u32 = 0
const CENTRES: u32 = 16
const TOPS: u32 = 32
const EVEN_BITS: u32 = 48
const ODD_BITS: u32 = 64
const SIGNS: u32 = 80
const SIZES: u32 = 96
const FIRST_EXPONENTS: u32 = 112
const BIASES: u32 = 128
const LEAST_NORMALS: u32 = 144
/** Bytes of scratch that the functions below need. */
export const CONSTANTS_BYTES: u32 = 160

/** Says what the functions below read; `spareAt` is scratch, for them and what stands on them. */
export function prepareBlocks(
  bitsEach: u32,
  codesAt: usize,
  absmaxAt: usize,
  nestedAt: usize,
  scalingOf: u32,
  spareAt: usize,
): void {
  codes = codesAt
  absmax = absmaxAt
  nested = nestedAt
  spare = spareAt
  bits = bitsEach
  scaling = scalingOf
  const middle: u32 = (1 << bitsEach) >> 1
  centre = scalingOf & 1 ? 0 : <i8>middle
  v128.store(spareAt, i8x16.splat(15), NIBBLES)
  v128.store(spareAt, i8x16.splat(centre), CENTRES)
  v128.store(spareAt, i8x16.splat(bitsEach == 5 ? 16 : 48), TOPS)
  v128.store(spareAt, i8x16(1, 1, 1, 1, 4, 4, 4, 4, 16, 16, 16, 16, 64, 64, 64, 64), EVEN_BITS)
  v128.store(spareAt, i8x16(2, 2, 2, 2, 8, 8, 8, 8, 32, 32, 32, 32, -128, -128, -128, -128), ODD_BITS)
  v128.store(spareAt, i32x4.splat(0x80000000), SIGNS)
  v128.store(spareAt, i32x4.splat(0x0fffe000), SIZES)
  v128.store(spareAt, i32x4.splat(0x00800000), FIRST_EXPONENTS)
  v128.store(spareAt, i32x4.splat(112 << 23), BIASES)
  v128.store(spareAt, f32x4.splat(LEAST_NORMAL), LEAST_NORMALS)
}

// Codes of 32 elements, less their centre, as signed bytes: of each eight the first four, or the last. T is u8 for codes
// of 4 bits, u16 of 5, u32 of 6.

// @inline
export function evenCodes<T>(from: usize): v128 {
  const low = v128.and(v128.load(from), v128.load(spare, NIBBLES))
  if (sizeof<T>() == 1) return low
  if (sizeof<T>() == 2) return withFifth(low, from, v128.load(spare, EVEN_BITS))
  const words = topWords(from)
  return withTops(low, v128.shuffle<u32>(i32x4.shl(words, 4), words, 0, 5, 2, 7))
}

// @inline
export function oddCodes<T>(from: usize): v128 {
  const low = v128.and(i16x8.shr_u(v128.load(from), 4), v128.load(spare, NIBBLES))
  if (sizeof<T>() == 1) return low
  if (sizeof<T>() == 2) return withFifth(low, from, v128.load(spare, ODD_BITS))
  const words = topWords(from)
  return withTops(low, v128.shuffle<u32>(i32x4.shl(words, 2), i32x4.shr_u(words, 2), 0, 5, 2, 7))
}

// @inline
function withFifth(low: v128, from: usize, bitOfEach: v128): v128 {
  return withTops(low, i8x16.eq(v128.and(v128.load32_splat(from + 16), bitOfEach), bitOfEach))
}

// @inline
function topWords(from: usize): v128 {
  const pair = v128.load64_zero(from + 16)
  return v128.shuffle<u32>(pair, pair, 0, 0, 1, 1)
}

// @inline
function withTops(low: v128, tops: v128): v128 {
  return i8x16.sub(v128.or(low, v128.and(tops, v128.load(spare, TOPS))), v128.load(spare, CENTRES))
}

/** Bytes of 32 codes. */
export function codeBytes<T>(): usize {
  return sizeof<T>() == 1 ? 16 : sizeof<T>() == 2 ? 20 : 24
}

/**
 * Numbers of f16, whose bits are in the lanes, as those of signed numbers. By way of no subnormal f32, which cost
 * Intel's processors 150 cycles: scales of K-quants are often subnormal in f16.
 */
export function halves(elements: v128): v128 {
  const bits = i32x4.shl(elements, 13)
  const size = v128.and(bits, v128.load(spare, SIZES))
  const first = v128.load(spare, FIRST_EXPONENTS)
  const isSubnormal = i32x4.lt_s(size, first)
  const biased = i32x4.add(i32x4.add(size, v128.load(spare, BIASES)), v128.and(isSubnormal, first))
  const value = f32x4.sub(biased, v128.and(isSubnormal, v128.load(spare, LEAST_NORMALS)))
  return v128.or(value, v128.and(bits, v128.load(spare, SIGNS)))
}

/** Of 16 elements: their scale in lane 0, and in lane 1 what is added. */
export function scaleOf(unit: u32): v128 {
  if (scaling == 3) return halves(i32x4.extend_low_i16x8_s(v128.load32_zero(absmax + ((unit >> 1) << 2))))
  if (scaling == 5) {
    const pair = halves(i32x4.extend_low_i16x8_s(v128.load32_zero(nested + ((unit >> 4) << 2))))
    const factors = i16x8.extend_low_i8x16_u(i32x4.splat(<i32>load<u16>(absmax + ((unit >> 1) << 1))))
    return f32x4.mul(pair, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(factors)))
  }
  const scale =
    scaling == 2
      ? halves(i32x4.splat(<i32>load<i16>(absmax + ((unit >> 1) << 1))))
      : f32x4.splat(load<f32>(nested + ((unit >> 4) << 2)) * <f32>load<i8>(absmax + unit))
  return f32x4.replace_lane(scale, 1, NOTHING)
}
