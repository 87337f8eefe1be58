import { madd, storeTransposed, sumLanes } from '../shared/simd.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'

// Decoding of GGUF's blocks of 4, 5 and 6 bits (ggml-common.h): value i of the flattened matrix is
// (code - centre) · scale + least. 32 codes are `bits` words: in the first four element i of eight is in byte i % 4, in
// its low half where i < 4; behind them is a word of their fifth bits, or two words of the upper two bits of 16 each,
// element i in byte i % 4 from bit i / 4, or i / 4 · 2, on. All products are exact, so a value is rounded once at most.

let codes: usize = 0
let absmax: usize = 0
let nested: usize = 0
let spare: usize = 0
let bits: u32 = 4
let scaling: u32 = 3
let centre: i8 = 0

/** 2^112, as in whole-bytes.as.ts. */
const BIAS: f32 = 5.192296858534828e33
/** What changes no number that it is added to, not even -0. */
const NOTHING: f32 = -0.0

/** Says what the functions below read; `spareAt` is scratch for 16 values. */
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
}

/** Codes of 16 elements, less their centre, as signed bytes. */
function codesOf(unit: u32): v128 {
  const nibble = i8x16.splat(15)
  const block = codes + (unit >> 1) * (bits << 2)
  const half = unit & 1
  const bytes = v128.load64_zero(block + (half << 3))
  let all = v128.shuffle<u32>(v128.and(bytes, nibble), v128.and(i16x8.shr_u(bytes, 4), nibble), 0, 4, 1, 5)
  if (bits == 5) {
    const word = i32x4.shr_u(v128.load32_splat(block + 16), half << 2)
    all = v128.or(all, v128.and(i32x4.mul(word, i32x4(16, 8, 4, 2)), i8x16.splat(16)))
  } else if (bits == 6) {
    const word = v128.load32_splat(block + 16 + (half << 2))
    const last = v128.and(i32x4.shr_u(word, 2), i32x4(0, 0, 0, -1))
    all = v128.or(all, v128.and(v128.or(i32x4.mul(word, i32x4(16, 4, 1, 0)), last), i8x16.splat(48)))
  }
  return i8x16.sub(all, i8x16.splat(centre))
}

/** Numbers of f16, whose bits are in the lanes, as those of signed numbers. */
function halves(elements: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(elements, 13), i32x4.splat(0x8fffe000)), f32x4.splat(BIAS))
}

/** Of 16 elements: their scale in lane 0, and in lane 1 what is added. */
function scaleOf(unit: u32): v128 {
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

// A shuffle in their place, read by two stores, ends the process in V8 14.6 with its revectoriser.
function scales(pair: v128): v128 {
  return f32x4.splat(f32x4.extract_lane(pair, 0))
}

function leasts(pair: v128): v128 {
  return f32x4.splat(f32x4.extract_lane(pair, 1))
}

/** Four values, of codes in 16 bits: the first four, or the last. */
function firstFour(wide: v128, scale: v128, least: v128): v128 {
  return madd(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide)), scale, least)
}

function lastFour(wide: v128, scale: v128, least: v128): v128 {
  return madd(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(wide)), scale, least)
}

/** Writes 16 values, eight to `to` and eight to `next`. */
function decodeUnit(unit: u32, to: usize, next: usize): void {
  const all = codesOf(unit)
  const pair = scaleOf(unit)
  const scale = scales(pair)
  const least = leasts(pair)
  const low = i16x8.extend_low_i8x16_s(all)
  const high = i16x8.extend_high_i8x16_s(all)
  v128.store(to, firstFour(low, scale, least))
  v128.store(to, lastFour(low, scale, least), 16)
  v128.store(next, firstFour(high, scale, least))
  v128.store(next, lastFour(high, scale, least), 16)
}

/** Where the value `i` of a run goes that has WIDTH of them at `to`, as many `jump` bytes behind them, and so on. */
function placeOf(i: u32, to: usize, jump: u32): usize {
  return to + (i / WIDTH) * jump + ((i & (WIDTH - 1)) << 2)
}

/** Writes `count` values from value `start` on: WIDTH of them to `to`, as many `jump` bytes behind them, and so on. */
export function decodeBlocks(start: u32, count: u32, to: usize, jump: u32): void {
  let done: u32 = 0
  while (done < count) {
    const at = start + done
    if (((at & 15) | (done & 7)) == 0 && done + 16 <= count) {
      decodeUnit(at >> 4, placeOf(done, to, jump), placeOf(done + 8, to, jump))
      done += 16
    } else {
      decodeUnit(at >> 4, spare, spare + 32)
      const end = min<u32>(count, done + 16 - (at & 15))
      for (; done < end; done++) {
        store<f32>(placeOf(done, to, jump), load<f32>(spare + (((start + done) & 15) << 2)))
      }
    }
  }
}

/** Whether `packBlocks` takes rows of `count` values. */
export function fitsUnits(count: u32): bool {
  return (count & 15) == 0
}

/**
 * Writes four rows of `depth` values, the first from value `start` on and each `rowValues` behind the last, transposed:
 * element (row, i) goes to to[i · step + row]. All three are multiples of 16.
 */
export function packBlocks(start: u32, rowValues: u32, depth: u32, to: usize, step: usize): void {
  const row = rowValues >> 4
  let unit = start >> 4
  for (let out = to, last = to + depth * step; out < last; out += 16 * step, unit++) {
    const all0 = codesOf(unit)
    const all1 = codesOf(unit + row)
    const all2 = codesOf(unit + 2 * row)
    const all3 = codesOf(unit + 3 * row)
    const pair0 = scaleOf(unit)
    const pair1 = scaleOf(unit + row)
    const pair2 = scaleOf(unit + 2 * row)
    const pair3 = scaleOf(unit + 3 * row)
    let w0 = i16x8.extend_low_i8x16_s(all0)
    let w1 = i16x8.extend_low_i8x16_s(all1)
    let w2 = i16x8.extend_low_i8x16_s(all2)
    let w3 = i16x8.extend_low_i8x16_s(all3)
    storeFour(w0, w1, w2, w3, pair0, pair1, pair2, pair3, out, step)
    w0 = i16x8.extend_high_i8x16_s(all0)
    w1 = i16x8.extend_high_i8x16_s(all1)
    w2 = i16x8.extend_high_i8x16_s(all2)
    w3 = i16x8.extend_high_i8x16_s(all3)
    storeFour(w0, w1, w2, w3, pair0, pair1, pair2, pair3, out + 8 * step, step)
  }
}

/** Eight values of each of four rows, transposed. */
function storeFour(
  w0: v128,
  w1: v128,
  w2: v128,
  w3: v128,
  pair0: v128,
  pair1: v128,
  pair2: v128,
  pair3: v128,
  out: usize,
  step: usize,
): void {
  const s0 = scales(pair0)
  const s1 = scales(pair1)
  const s2 = scales(pair2)
  const s3 = scales(pair3)
  const l0 = leasts(pair0)
  const l1 = leasts(pair1)
  const l2 = leasts(pair2)
  const l3 = leasts(pair3)
  storeTransposed(firstFour(w0, s0, l0), firstFour(w1, s1, l1), firstFour(w2, s2, l2), firstFour(w3, s3, l3), out, step)
  storeTransposed(
    lastFour(w0, s0, l0),
    lastFour(w1, s1, l1),
    lastFour(w2, s2, l2),
    lastFour(w3, s3, l3),
    out + 4 * step,
    step,
  )
}

/** Whether `dotBlocks` takes rows of `count` values. */
export function fitsBlocksOf32(count: u32): bool {
  return (count & 31) == 0
}

/** Σ a[i] · value[start + i] over whole blocks of 32. */
export function dotBlocks(a: usize, start: u32, count: u32): f32 {
  if (bits == 4) return dotCodes<u8>(a, start, count)
  return bits == 5 ? dotCodes<u16>(a, start, count) : dotCodes<u32>(a, start, count)
}

/**
 * The same; T is u8 for codes of 4 bits, u16 of 5, u32 of 6. `codesOf` is written out: of a row by itself calls would
 * take most of the time.
 */
function dotCodes<T>(a: usize, start: u32, count: u32): f32 {
  const nibble = i8x16.splat(15)
  const middle = i8x16.splat(centre)
  const isByUnit = scaling == 4
  const blockBytes: usize = sizeof<T>() == 1 ? 16 : sizeof<T>() == 2 ? 20 : 24
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let scale = s0
  let least = s0
  let x = a
  let unit = start >> 4
  let from = codes + (unit >> 1) * blockBytes
  for (const last = a + (count << 2); x < last; from += blockBytes) {
    for (let half: u32 = 0; half < 2; half++, unit++, x += 64) {
      const bytes = v128.load64_zero(from + (half << 3))
      let all = v128.shuffle<u32>(v128.and(bytes, nibble), v128.and(i16x8.shr_u(bytes, 4), nibble), 0, 4, 1, 5)
      if (sizeof<T>() == 2) {
        const word = i32x4.shr_u(v128.load32_splat(from + 16), half << 2)
        all = v128.or(all, v128.and(i32x4.mul(word, i32x4(16, 8, 4, 2)), i8x16.splat(16)))
      } else if (sizeof<T>() == 4) {
        const word = v128.load32_splat(from + 16 + (half << 2))
        const behind = v128.and(i32x4.shr_u(word, 2), i32x4(0, 0, 0, -1))
        all = v128.or(all, v128.and(v128.or(i32x4.mul(word, i32x4(16, 4, 1, 0)), behind), i8x16.splat(48)))
      }
      all = i8x16.sub(all, middle)
      if (half == 0 || isByUnit) {
        const pair = scaleOf(unit)
        scale = v128.shuffle<f32>(pair, pair, 0, 0, 0, 0)
        least = v128.shuffle<f32>(pair, pair, 1, 1, 1, 1)
      }
      const low = i16x8.extend_low_i8x16_s(all)
      const high = i16x8.extend_high_i8x16_s(all)
      s0 = madd(v128.load(x), madd(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), scale, least), s0)
      s1 = madd(v128.load(x, 16), madd(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), scale, least), s1)
      s2 = madd(v128.load(x, 32), madd(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), scale, least), s2)
      s3 = madd(v128.load(x, 48), madd(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), scale, least), s3)
    }
  }
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
}
