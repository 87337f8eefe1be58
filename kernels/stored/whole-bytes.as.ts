import { loadPart, madd, storePart, storeTransposed, sumLanes } from '../shared/simd.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'

// Decoding of weights whose elements are whole bytes. T is i16 for the bits of an f16, u16 for those of a bf16, and i8
// for a code that stands for code · scale / 127 with a scale for each block of `blockSize` elements: a row, as in
// LLM.int8, or less.

/**
 * 2^112, which brings an f16's exponent, read as an f32's, to its place; exact also where it is 0, as all powers of two
 * are.
 */
const BIAS: f32 = 5.192296858534828e33
const UNBIAS: f32 = 1.925929944387236e-34
const ONE_OVER_127: f32 = 7.874015718698502e-3

let codes: usize = 0
let scales: usize = 0
let blockSize: u32 = 1
/** Where an f16's decoding has its constants, since V8 makes a vector that it knows anew wherever it is used. */
let constants: usize = 0

/** Says what the functions below read; `constantsAt` is scratch, 48 bytes of it. */
export function prepareBytes(codesAt: usize, scalesAt: usize, size: u32, constantsAt: usize): void {
  codes = codesAt
  scales = scalesAt
  blockSize = size
  constants = constantsAt
  v128.store(constantsAt, i32x4.splat(0x8fffe000))
  v128.store(constantsAt, f32x4.splat(BIAS), 16)
  v128.store(constantsAt, f32x4.splat(UNBIAS), 32)
}

/** Whether a row of `count` elements is one block. */
export function isOneBlock(count: u32): bool {
  return blockSize == count
}

/** Of a block: the factor on its values. */
function scaleOf<T>(block: u32): f32 {
  return sizeof<T>() == 2 ? 1 : load<f32>(scales + (block << 2)) * ONE_OVER_127
}

/** Four values, but for their factor, of elements widened to 32 bits. */
function valuesOf<T>(elements: v128): v128 {
  if (sizeof<T>() == 1) return f32x4.convert_i32x4_s(elements)
  if (!isSigned<T>()) return i32x4.shl(elements, 16)
  const bias = v128.load(constants, 16)
  const values = f32x4.mul(v128.and(i32x4.shl(elements, 13), v128.load(constants)), bias)
  // There and back, so that what is no finite f16 (2^16 and above by now) becomes infinite.
  return f32x4.mul(f32x4.mul(values, bias), v128.load(constants, 32))
}

/** Eight elements, widened to 16 bits. */
function loadEight<T>(from: usize): v128 {
  return sizeof<T>() == 2 ? v128.load(from) : i16x8.extend_low_i8x16_s(v128.load64_zero(from))
}

/** Four values, but for their factor; `count` of them are there, the others are 0. */
function loadFour<T>(from: usize, count: u32): v128 {
  if (count >= 4) {
    const elements = sizeof<T>() == 2 ? v128.load64_zero(from) : i16x8.extend_low_i8x16_s(v128.load32_zero(from))
    return valuesOf<T>(i32x4.extend_low_i16x8_s(elements))
  }
  let elements = i32x4.splat(0)
  elements = i32x4.replace_lane(elements, 0, <i32>load<T>(from))
  if (count > 1) elements = i32x4.replace_lane(elements, 1, <i32>load<T>(from + sizeof<T>()))
  if (count > 2) elements = i32x4.replace_lane(elements, 2, <i32>load<T>(from + 2 * sizeof<T>()))
  return valuesOf<T>(elements)
}

/**
 * Writes `count` values of a row from value `start` on: WIDTH of them to `to`, as many `jump` bytes behind them, and so
 * on.
 */
export function decodeBytes<T>(start: u32, count: u32, to: usize, jump: u32): void {
  if (sizeof<T>() == 1 && (start % blockSize) + count > blockSize) {
    decodeBlocks(start, count, to, jump)
    return
  }
  const factor = f32x4.splat(scaleOf<T>(start / blockSize))
  const from = codes + start * sizeof<T>()
  let done: u32 = 0
  for (const whole = count & ~7; done < whole; done += 8) {
    const eight = loadEight<T>(from + done * sizeof<T>())
    const out = to + (done / WIDTH) * jump + ((done & (WIDTH - 1)) << 2)
    v128.store(out, f32x4.mul(valuesOf<T>(i32x4.extend_low_i16x8_s(eight)), factor))
    v128.store(out, f32x4.mul(valuesOf<T>(i32x4.extend_high_i16x8_s(eight)), factor), 16)
  }
  for (; done < count; done += 4) {
    const values = f32x4.mul(loadFour<T>(from + done * sizeof<T>(), count - done), factor)
    storePart(to + (done / WIDTH) * jump + ((done & (WIDTH - 1)) << 2), values, count - done)
  }
}

/** The same of elements of one byte in several blocks. */
function decodeBlocks(start: u32, count: u32, to: usize, jump: u32): void {
  let done: u32 = 0
  while (done < count) {
    const block = (start + done) / blockSize
    const end = min<u32>(count, (block + 1) * blockSize - start)
    const factor = scaleOf<i8>(block)
    const factors = f32x4.splat(factor)
    while (done < end) {
      const out = to + (done / WIDTH) * jump + ((done & (WIDTH - 1)) << 2)
      if ((done & 7) == 0 && done + 8 <= end) {
        const eight = loadEight<i8>(codes + start + done)
        v128.store(out, f32x4.mul(valuesOf<i8>(i32x4.extend_low_i16x8_s(eight)), factors))
        v128.store(out, f32x4.mul(valuesOf<i8>(i32x4.extend_high_i16x8_s(eight)), factors), 16)
        done += 8
      } else {
        store<f32>(out, <f32>load<i8>(codes + start + done) * factor)
        done++
      }
    }
  }
}

/**
 * Writes up to four rows of `depth` values, the first from value `start` on and each `rowValues` behind the last,
 * transposed: element (row, i) goes to to[i · step + row]. A row is one block; missing rows are 0. As many as three
 * rows of `to` behind `depth` are written.
 */
export function packBytes<T>(start: u32, rowValues: u32, rows: u32, depth: u32, to: usize, step: u32): void {
  const zero = f32x4.splat(0)
  const row = start / blockSize
  const factor0 = f32x4.splat(scaleOf<T>(row))
  const factor1 = rows > 1 ? f32x4.splat(scaleOf<T>(row + 1)) : zero
  const factor2 = rows > 2 ? f32x4.splat(scaleOf<T>(row + 2)) : zero
  const factor3 = rows > 3 ? f32x4.splat(scaleOf<T>(row + 3)) : zero
  const rowBytes = rowValues * sizeof<T>()
  const from1 = rows > 1 ? rowBytes : 0
  const from2 = rows > 2 ? 2 * rowBytes : 0
  const from3 = rows > 3 ? 3 * rowBytes : 0
  let from = codes + start * sizeof<T>()
  for (let i: u32 = 0; i < depth; i += 4, from += 4 * sizeof<T>()) {
    const left = depth - i
    const a = f32x4.mul(loadFour<T>(from, left), factor0)
    const b = f32x4.mul(loadFour<T>(from + from1, left), factor1)
    const c = f32x4.mul(loadFour<T>(from + from2, left), factor2)
    const d = f32x4.mul(loadFour<T>(from + from3, left), factor3)
    storeTransposed(a, b, c, d, to + i * step, step)
  }
}

/** Σ a[i] · value[start + i], within a block. */
export function dotBytes<T>(a: usize, start: u32, count: u32): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let x = a
  let from = codes + start * sizeof<T>()
  for (const last = a + ((count & ~15) << 2); x < last; x += 64, from += 16 * sizeof<T>()) {
    const low = loadEight<T>(from)
    const high = loadEight<T>(from + 8 * sizeof<T>())
    s0 = madd(v128.load(x), valuesOf<T>(i32x4.extend_low_i16x8_s(low)), s0)
    s1 = madd(v128.load(x, 16), valuesOf<T>(i32x4.extend_high_i16x8_s(low)), s1)
    s2 = madd(v128.load(x, 32), valuesOf<T>(i32x4.extend_low_i16x8_s(high)), s2)
    s3 = madd(v128.load(x, 48), valuesOf<T>(i32x4.extend_high_i16x8_s(high)), s3)
  }
  for (let left = count & 15, i: u32 = 0; i < left; i += 4) {
    s0 = madd(loadPart(x + (i << 2), left - i), loadFour<T>(from + i * sizeof<T>(), left - i), s0)
  }
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))) * scaleOf<T>(start / blockSize)
}

/** Whether `dotByteBlocks` takes rows of `count` values. */
export function fitsByteBlocks(count: u32): bool {
  return (blockSize & 15) == 0 && count % blockSize == 0
}

/** The same over whole blocks of bytes, whose scales multiply their sums. */
export function dotByteBlocks(a: usize, start: u32, count: u32): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let x = a
  let from = codes + start
  let block = start / blockSize
  for (const last = a + (count << 2); x < last; block++) {
    let t0 = f32x4.splat(0)
    let t1 = t0
    let t2 = t0
    let t3 = t0
    for (const end = x + (blockSize << 2); x < end; x += 64, from += 16) {
      const low = loadEight<i8>(from)
      const high = loadEight<i8>(from + 8)
      t0 = madd(v128.load(x), valuesOf<i8>(i32x4.extend_low_i16x8_s(low)), t0)
      t1 = madd(v128.load(x, 16), valuesOf<i8>(i32x4.extend_high_i16x8_s(low)), t1)
      t2 = madd(v128.load(x, 32), valuesOf<i8>(i32x4.extend_low_i16x8_s(high)), t2)
      t3 = madd(v128.load(x, 48), valuesOf<i8>(i32x4.extend_high_i16x8_s(high)), t3)
    }
    const factor = f32x4.splat(scaleOf<i8>(block))
    s0 = madd(t0, factor, s0)
    s1 = madd(t1, factor, s1)
    s2 = madd(t2, factor, s2)
    s3 = madd(t3, factor, s3)
  }
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
}
