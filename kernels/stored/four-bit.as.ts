// Decoding of 4-bit weights: value i of the flattened matrix is code[nibble i] · absmax[i / blockSize], high nibble
// first.
import { madd, sumLanes } from '../shared/simd.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'

export let codes: usize = 0
let absmax: usize = 0
let nested: usize = 0
export let tables: usize = 0
export let planes: usize = 0
export let blockSize: u32 = 64
let isNested: u32 = 0
let offset: f32 = 0

/** Where sixteen bytes of 15 lie behind the planes: V8 makes a constant anew, by two shuffles, wherever it is used. */
export const NIBBLE: u32 = 64
/** Bytes of scratch that the decoder needs. */
export const PLANE_BYTES: u32 = NIBBLE + 16

/**
 * Says what `decode` reads; `planesAt` is scratch. The code is kept as four planes of bytes, which SIMD can look up.
 */
export function prepare(
  codesAt: usize,
  absmaxAt: usize,
  nestedAt: usize,
  tablesAt: usize,
  size: u32,
  hasNested: u32,
  nestedCount: u32,
  planesAt: usize,
): void {
  codes = codesAt
  absmax = absmaxAt
  nested = nestedAt
  tables = tablesAt
  planes = planesAt
  blockSize = size
  isNested = hasNested
  offset = hasNested ? load<f32>(nestedAt + (nestedCount << 2)) : 0
  v128.store(planesAt, i8x16.splat(15), NIBBLE)
  for (let i: u32 = 0; i < 64; i++) store<u8>(planesAt + ((i & 3) << 4) + (i >> 2), load<u8>(tablesAt + i))
}

/** The factor of a block. */
export function blockScale(block: u32): f32 {
  if (!isNested) return load<f32>(absmax + (block << 2))
  const value = load<f32>(tables + 64 + ((<u32>load<u8>(absmax + block)) << 2))
  return value * load<f32>(nested + ((block >> 8) << 2)) + offset
}

/** Writes the factors of `count` blocks. */
export function decodeScales(block: u32, count: u32, to: usize): void {
  if (!isNested) {
    memory.copy(to, absmax + (block << 2), count << 2)
    return
  }
  const map = tables + 64
  const least = f32x4.splat(offset)
  for (const last = block + count; block < last;) {
    const factor = v128.load32_splat(nested + ((block >> 8) << 2))
    const end = min<u32>(last, (block | 255) + 1)
    for (; block + 4 <= end; block += 4, to += 16) {
      const at = absmax + block
      let v = v128.load32_zero(map + ((<u32>load<u8>(at)) << 2))
      v = v128.load32_lane(map + ((<u32>load<u8>(at, 1)) << 2), v, 1)
      v = v128.load32_lane(map + ((<u32>load<u8>(at, 2)) << 2), v, 2)
      v = v128.load32_lane(map + ((<u32>load<u8>(at, 3)) << 2), v, 3)
      v128.store(to, f32x4.add(f32x4.mul(v, factor), least))
    }
    for (; block < end; block++, to += 4) store<f32>(to, blockScale(block))
  }
}

function decodeOne(i: u32, scale: f32): f32 {
  const byte = <u32>load<u8>(codes + (i >> 1))
  return load<f32>(tables + ((i & 1 ? byte & 15 : byte >> 4) << 2)) * scale
}

/** Bytes of a plane by codes. */
export function lookUp(plane: v128, index: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(plane, index) : i8x16.swizzle(plane, index)
}

/** Writes sixteen values, the bytes of `from` looked up in the planes and scaled: half to `low`, half to `high`. */
// @inline
function decodeSixteen(
  from: usize,
  low: usize,
  high: usize,
  scales: v128,
  plane0: v128,
  plane1: v128,
  plane2: v128,
  plane3: v128,
  nibble: v128,
): void {
  const bytes = v128.load64_zero(from)
  const above = v128.and(i16x8.shr_u(bytes, 4), nibble)
  const below = v128.and(bytes, nibble)
  const index = v128.shuffle<u8>(above, below, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
  const b0 = lookUp(plane0, index)
  const b1 = lookUp(plane1, index)
  const b2 = lookUp(plane2, index)
  const b3 = lookUp(plane3, index)
  let lower = v128.shuffle<u8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
  let upper = v128.shuffle<u8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
  v128.store(low, f32x4.mul(v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scales))
  v128.store(low, f32x4.mul(v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scales), 16)
  lower = v128.shuffle<u8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
  upper = v128.shuffle<u8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
  v128.store(high, f32x4.mul(v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scales))
  v128.store(high, f32x4.mul(v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scales), 16)
}

/** Writes `count` values from value `start` on: WIDTH of them to `to`, as many `jump` bytes behind them, and so on. */
export function decode(start: u32, count: u32, to: usize, jump: u32): void {
  const nibble = v128.load(planes, NIBBLE)
  const plane0 = v128.load(planes)
  const plane1 = v128.load(planes, 16)
  const plane2 = v128.load(planes, 32)
  const plane3 = v128.load(planes, 48)
  // Sixteen values are decoded at a time: one run of WIDTH, or two.
  const half = WIDTH == 16 ? 32 : jump
  const step = WIDTH == 16 ? jump : 2 * jump
  let done: u32 = 0
  while (done < count) {
    const block = (start + done) / blockSize
    const blockEnd = min<u32>(count, (block + 1) * blockSize - start)
    const scale = blockScale(block)
    const scales = f32x4.splat(scale)
    while (done < blockEnd) {
      const run = ((done & (WIDTH - 1)) | ((start + done) & 1)) == 0 ? (blockEnd - done) & ~15 : 0
      let out = to + (done / WIDTH) * jump
      let from = codes + ((start + done) >> 1)
      for (const last = from + (run >> 1); from < last; from += 8, out += step) {
        decodeSixteen(from, out, out + half, scales, plane0, plane1, plane2, plane3, nibble)
      }
      done += run
      if (done == blockEnd) break
      store<f32>(to + (done / WIDTH) * jump + ((done & (WIDTH - 1)) << 2), decodeOne(start + done, scale))
      done++
    }
  }
}

/**
 * Writes `depth` rows of `count` values, the first from value `start` on and each `rowValues` behind the last: value c
 * of row i to to[i · WIDTH + c], in steps of WIDTH `jump` bytes apart. Rows are as `fitsBlocks` wants them, `count` and
 * `start` multiples of 16.
 */
export function decodeRows(start: u32, rowValues: u32, depth: u32, count: u32, to: usize, jump: u32): void {
  const nibble = v128.load(planes, NIBBLE)
  const plane0 = v128.load(planes)
  const plane1 = v128.load(planes, 16)
  const plane2 = v128.load(planes, 32)
  const plane3 = v128.load(planes, 48)
  const half = WIDTH == 16 ? 32 : jump
  const step = WIDTH == 16 ? jump : 2 * jump
  const firstBlock = start / blockSize
  const rowBlocks = rowValues / blockSize
  const firstLeft = min<u32>(count, (firstBlock + 1) * blockSize - start)
  for (let i: u32 = 0; i < depth; i++, to += WIDTH * 4) {
    let block = firstBlock + i * rowBlocks
    let from = codes + ((start + i * rowValues) >> 1)
    let out = to
    const last = from + (count >> 1)
    for (let end = from + (firstLeft >> 1); from < last; end = min<usize>(last, from + (blockSize >> 1))) {
      const scales = f32x4.splat(blockScale(block++))
      for (; from < end; from += 8, out += step) {
        decodeSixteen(from, out, out + half, scales, plane0, plane1, plane2, plane3, nibble)
      }
    }
  }
}

/**
 * Writes four rows of `depth` values, the first from value `start` on and each `rowValues` behind the last, transposed:
 * element (row, i) goes to to[i · step + row]. Rows are as `fitsBlocks` wants them, `depth` and `start` multiples
 * of 16.
 */
export function decodeTransposed(start: u32, rowValues: u32, depth: u32, to: usize, step: u32): void {
  const nibble = v128.load(planes, NIBBLE)
  const plane0 = v128.load(planes)
  const plane1 = v128.load(planes, 16)
  const plane2 = v128.load(planes, 32)
  const plane3 = v128.load(planes, 48)
  const rowBytes = rowValues >> 1
  const rowBlocks = rowValues / blockSize
  let from = codes + (start >> 1)
  let out = to
  const last = to + depth * step
  while (out < last) {
    const done = <u32>(out - to) / step
    const block = (start + done) / blockSize
    let scales = f32x4.splat(blockScale(block))
    scales = f32x4.replace_lane(scales, 1, blockScale(block + rowBlocks))
    scales = f32x4.replace_lane(scales, 2, blockScale(block + 2 * rowBlocks))
    scales = f32x4.replace_lane(scales, 3, blockScale(block + 3 * rowBlocks))
    const left = (block + 1) * blockSize - start - done
    // The bytes of four rows are brought side by side before they are looked up: their values then come out transposed.
    for (const blockEnd = min<usize>(last, out + left * step); out < blockEnd; from += 4, out += 8 * step) {
      const c0 = v128.load32_zero(from)
      const c1 = v128.load32_zero(from + rowBytes)
      const c2 = v128.load32_zero(from + 2 * rowBytes)
      const c3 = v128.load32_zero(from + 3 * rowBytes)
      const c01 = v128.shuffle<u8>(c0, c1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      const c23 = v128.shuffle<u8>(c2, c3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      const bytes = v128.shuffle<u16>(c01, c23, 0, 8, 1, 9, 2, 10, 3, 11)
      let index = v128.and(i16x8.shr_u(bytes, 4), nibble)
      let b0 = lookUp(plane0, index)
      let b1 = lookUp(plane1, index)
      let b2 = lookUp(plane2, index)
      let b3 = lookUp(plane3, index)
      let lower = v128.shuffle<u8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      let upper = v128.shuffle<u8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      v128.store(out, f32x4.mul(v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scales))
      v128.store(out + 2 * step, f32x4.mul(v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scales))
      lower = v128.shuffle<u8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
      upper = v128.shuffle<u8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
      v128.store(out + 4 * step, f32x4.mul(v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scales))
      v128.store(out + 6 * step, f32x4.mul(v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scales))
      index = v128.and(bytes, nibble)
      b0 = lookUp(plane0, index)
      b1 = lookUp(plane1, index)
      b2 = lookUp(plane2, index)
      b3 = lookUp(plane3, index)
      lower = v128.shuffle<u8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      upper = v128.shuffle<u8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      v128.store(out + step, f32x4.mul(v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scales))
      v128.store(out + step + 2 * step, f32x4.mul(v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scales))
      lower = v128.shuffle<u8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
      upper = v128.shuffle<u8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
      v128.store(out + step + 4 * step, f32x4.mul(v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), scales))
      v128.store(out + step + 6 * step, f32x4.mul(v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), scales))
    }
  }
}

/** Whether `dotDecoded` and `decodeTransposed` take rows of `count` values. */
export function fitsBlocks(count: u32): bool {
  return count % blockSize == 0 && (blockSize & 15) == 0
}

/** Σ a[i] · value[start + i] over whole blocks; each is scaled once, after its sum. */
export function dotDecoded(a: usize, start: u32, count: u32): f32 {
  const nibble = v128.load(planes, NIBBLE)
  const plane0 = v128.load(planes)
  const plane1 = v128.load(planes, 16)
  const plane2 = v128.load(planes, 32)
  const plane3 = v128.load(planes, 48)
  let total = f32x4.splat(0)
  let from = codes + (start >> 1)
  let x = a
  const last = a + (count << 2)
  for (let block = start / blockSize; x < last; block++) {
    let s0 = f32x4.splat(0)
    let s1 = s0
    let s2 = s0
    let s3 = s0
    for (const blockEnd = x + (blockSize << 2); x < blockEnd; x += 64, from += 8) {
      const bytes = v128.load64_zero(from)
      const high = v128.and(i16x8.shr_u(bytes, 4), nibble)
      const low = v128.and(bytes, nibble)
      const index = v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      const b0 = lookUp(plane0, index)
      const b1 = lookUp(plane1, index)
      const b2 = lookUp(plane2, index)
      const b3 = lookUp(plane3, index)
      const lower = v128.shuffle<u8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      const lower2 = v128.shuffle<u8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
      const upper = v128.shuffle<u8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      const upper2 = v128.shuffle<u8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
      s0 = madd(v128.load(x), v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11), s0)
      s1 = madd(v128.load(x, 16), v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), s1)
      s2 = madd(v128.load(x, 32), v128.shuffle<u16>(lower2, upper2, 0, 8, 1, 9, 2, 10, 3, 11), s2)
      s3 = madd(v128.load(x, 48), v128.shuffle<u16>(lower2, upper2, 4, 12, 5, 13, 6, 14, 7, 15), s3)
    }
    total = madd(f32x4.splat(blockScale(block)), f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)), total)
  }
  return sumLanes(total)
}
