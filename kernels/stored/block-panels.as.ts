import { madd, storeTransposed } from '../shared/simd.as.ts'
import { DEPTH } from '../shared/tile.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'
import { decodeScales } from './block-scales.as.ts'
import { bits, codeBytes, codes, CONSTANTS_BYTES, evenCodes, oddCodes, spare } from './blocks.as.ts'

// Runs and panels of GGUF's blocks, 32 values at a time.

/** Bytes of the scales of DEPTH values of a row, and as many of what is added. */
const SCALES_BYTES: u32 = ((DEPTH >> 4) + 4) << 2
const ROW_BYTES: u32 = 2 * SCALES_BYTES

// Where the scales of a run lie behind the constants, and a block of which only a part is wanted.
const SCALES: u32 = CONSTANTS_BYTES
const VALUES: u32 = SCALES + ROW_BYTES
/** Bytes of scratch that `prepareBlocks` is given. */
export const SPARE_BYTES: u32 = VALUES + 128

/** Writes `count` values from value `start` on: WIDTH of them to `to`, as many `jump` bytes behind them, and so on. */
export function decodeBlocks(start: u32, count: u32, to: usize, jump: u32): void {
  let done: u32 = 0
  while (done < count) {
    const at = start + done
    if (((at & 31) | (done & (WIDTH - 1))) == 0 && done + 32 <= count) {
      const run = min<u32>(count - done, DEPTH) & ~31
      decodeRun(at, run, to + (done / WIDTH) * jump, jump)
      done += run
    } else {
      const values = spare + VALUES
      decodeRun(at & ~31, 32, values, WIDTH << 2)
      for (const end = min<u32>(count, done + 32 - (at & 31)); done < end; done++) {
        const place = to + (done / WIDTH) * jump + ((done & (WIDTH - 1)) << 2)
        store<f32>(place, load<f32>(values + (((start + done) & 31) << 2)))
      }
    }
  }
}

/** The same of whole blocks, DEPTH values at most. */
function decodeRun(start: u32, count: u32, to: usize, jump: u32): void {
  decodeScales(start >> 4, count, spare + SCALES, spare + SCALES + SCALES_BYTES)
  if (bits == 4) decodeCodes<u8>(start, count, to, jump)
  else if (bits == 5) decodeCodes<u16>(start, count, to, jump)
  else decodeCodes<u32>(start, count, to, jump)
}

/** The same, with the scales at hand. */
function decodeCodes<T>(start: u32, count: u32, to: usize, jump: u32): void {
  // Of 32 values: bytes from the first eight to the second, and to the third.
  const second = WIDTH == 16 ? 32 : jump
  const third = WIDTH == 16 ? jump : 2 * jump
  let from = codes + (start >> 5) * codeBytes<T>()
  let scale = spare + SCALES
  for (const last = from + (count >> 5) * codeBytes<T>(); from < last; from += codeBytes<T>(), to += 2 * third) {
    const even = evenCodes<T>(from)
    const odd = oddCodes<T>(from)
    storeSixteen(i16x8.extend_low_i8x16_s(even), i16x8.extend_low_i8x16_s(odd), scale, to, to + second)
    if (sizeof<T>() == 4) scale += 4
    storeSixteen(
      i16x8.extend_high_i8x16_s(even),
      i16x8.extend_high_i8x16_s(odd),
      scale,
      to + third,
      to + third + second,
    )
    scale += 4
  }
}

// @inline
function storeSixteen(even: v128, odd: v128, scale: usize, to: usize, next: usize): void {
  v128.store(to, valuesOf(i32x4.extend_low_i16x8_s(even), scale))
  v128.store(to, valuesOf(i32x4.extend_low_i16x8_s(odd), scale), 16)
  v128.store(next, valuesOf(i32x4.extend_high_i16x8_s(even), scale))
  v128.store(next, valuesOf(i32x4.extend_high_i16x8_s(odd), scale), 16)
}

/** Whether `packBlocks` takes rows of `count` values. */
export function fitsPanels(count: u32): bool {
  return (count & 31) == 0
}

/**
 * Writes four rows of `depth` values, the first from value `start` on and each `rowValues` behind the last, transposed:
 * element (row, i) goes to to[i · step + row]. All three are multiples of 32, and depth at most DEPTH. `scales` is
 * scratch for four rows of DEPTH.
 */
export function packBlocks(start: u32, rowValues: u32, depth: u32, to: usize, step: usize, scales: usize): void {
  if (bits == 4) packCodes<u8>(start, rowValues, depth, to, step, scales)
  else if (bits == 5) packCodes<u16>(start, rowValues, depth, to, step, scales)
  else packCodes<u32>(start, rowValues, depth, to, step, scales)
}

/** The same; T as for `evenCodes`. */
function packCodes<T>(start: u32, rowValues: u32, depth: u32, to: usize, step: usize, scales: usize): void {
  for (let r: u32 = 0; r < 4; r++) {
    const at = scales + r * ROW_BYTES
    decodeScales((start + r * rowValues) >> 4, depth, at, at + SCALES_BYTES)
  }
  const rowBytes = (rowValues >> 5) * codeBytes<T>()
  let from = codes + (start >> 5) * codeBytes<T>()
  let scale = scales
  for (let out = to, last = to + depth * step; out < last; out += 32 * step, from += codeBytes<T>()) {
    const second = from + rowBytes
    const third = second + rowBytes
    const fourth = third + rowBytes
    const e0 = evenCodes<T>(from)
    const e1 = evenCodes<T>(second)
    const e2 = evenCodes<T>(third)
    const e3 = evenCodes<T>(fourth)
    storeLow(e0, e1, e2, e3, scale, out, step)
    const o0 = oddCodes<T>(from)
    const o1 = oddCodes<T>(second)
    const o2 = oddCodes<T>(third)
    const o3 = oddCodes<T>(fourth)
    storeLow(o0, o1, o2, o3, scale, out + 4 * step, step)
    if (sizeof<T>() == 4) scale += 4
    storeHigh(e0, e1, e2, e3, scale, out + 16 * step, step)
    storeHigh(o0, o1, o2, o3, scale, out + 20 * step, step)
    scale += 4
  }
}

/** Of four rows the codes of two fours, 8 steps apart: the first eight bytes of each. */
// @inline
function storeLow(c0: v128, c1: v128, c2: v128, c3: v128, scale: usize, out: usize, step: usize): void {
  storeEight(
    i16x8.extend_low_i8x16_s(c0),
    i16x8.extend_low_i8x16_s(c1),
    i16x8.extend_low_i8x16_s(c2),
    i16x8.extend_low_i8x16_s(c3),
    scale,
    out,
    step,
  )
}

/** The same of the last eight. */
// @inline
function storeHigh(c0: v128, c1: v128, c2: v128, c3: v128, scale: usize, out: usize, step: usize): void {
  storeEight(
    i16x8.extend_high_i8x16_s(c0),
    i16x8.extend_high_i8x16_s(c1),
    i16x8.extend_high_i8x16_s(c2),
    i16x8.extend_high_i8x16_s(c3),
    scale,
    out,
    step,
  )
}

// @inline
function storeEight(w0: v128, w1: v128, w2: v128, w3: v128, scale: usize, out: usize, step: usize): void {
  storeTransposed(
    valuesOf(i32x4.extend_low_i16x8_s(w0), scale),
    valuesOf(i32x4.extend_low_i16x8_s(w1), scale + ROW_BYTES),
    valuesOf(i32x4.extend_low_i16x8_s(w2), scale + 2 * ROW_BYTES),
    valuesOf(i32x4.extend_low_i16x8_s(w3), scale + 3 * ROW_BYTES),
    out,
    step,
  )
  storeTransposed(
    valuesOf(i32x4.extend_high_i16x8_s(w0), scale),
    valuesOf(i32x4.extend_high_i16x8_s(w1), scale + ROW_BYTES),
    valuesOf(i32x4.extend_high_i16x8_s(w2), scale + 2 * ROW_BYTES),
    valuesOf(i32x4.extend_high_i16x8_s(w3), scale + 3 * ROW_BYTES),
    out + 8 * step,
    step,
  )
}

// @inline
function valuesOf(codes: v128, scale: usize): v128 {
  return madd(f32x4.convert_i32x4_s(codes), v128.load32_splat(scale), v128.load32_splat(scale, SCALES_BYTES))
}
