import { maxLane } from '../shared/simd.as.ts'

// Each block of blockSize (a multiple of 32) consecutive elements: absmax = max|x|, code = the one whose interval holds
// x · (1 / absmax); two codes a byte, the first in its high half; an odd count is filled up with the code of 0.
// decision: 15 thresholds (an element above t of them takes code t, a tie the lower), a pad, and the 16 codes as f32.
// One item is one block. bitsandbytes csrc/kernels.cu, kQuantizeBlockwise; a block of zeros takes the code of 0.
function rankOf(x: f32, decision: usize): u32 {
  let rank: u32 = 0
  for (let step: u32 = 8; step > 0; step >>= 1) {
    if (x > load<f32>(decision + ((rank + step - 1) << 2))) rank += step
  }
  return rank
}

function codeOf(x: f32, decision: usize): u32 {
  return <u32>load<f32>(decision + 64 + (rankOf(x, decision) << 2))
}

/** The 16 codes as bytes, by rank. */
function codeTable(decision: usize): v128 {
  const from = decision + 64
  const low = i16x8.narrow_i32x4_u(codesAt(from), codesAt(from + 16))
  return i8x16.narrow_i16x8_u(low, i16x8.narrow_i32x4_u(codesAt(from + 32), codesAt(from + 48)))
}

function codesAt(from: usize): v128 {
  return i32x4.trunc_sat_f32x4_s(v128.load(from))
}

/** Largest magnitude of `count` elements; a NaN stays one. */
function largestOf(from: usize, count: u32): f32 {
  let four = f32x4.splat(0)
  let i: u32 = 0
  for (; i + 4 <= count; i += 4) four = f32x4.max(four, f32x4.abs(v128.load(from + (i << 2))))
  let largest = maxLane(four)
  for (; i < count; i++) largest = max<f32>(largest, abs<f32>(load<f32>(from + (i << 2))))
  return largest
}

/** Stores the codes of 16 elements, 8 bytes: compared with every threshold, as there is no branch to take wrong. */
function storeSixteen(from: usize, to: usize, factor: v128, decision: usize, table: v128): void {
  const x0 = f32x4.mul(v128.load(from), factor)
  const x1 = f32x4.mul(v128.load(from, 16), factor)
  const x2 = f32x4.mul(v128.load(from, 32), factor)
  const x3 = f32x4.mul(v128.load(from, 48), factor)
  let r0 = i32x4.splat(0)
  let r1 = i32x4.splat(0)
  let r2 = i32x4.splat(0)
  let r3 = i32x4.splat(0)
  for (let t: usize = 0; t < 60; t += 4) {
    const threshold = v128.load32_splat(decision + t)
    r0 = i32x4.sub(r0, f32x4.gt(x0, threshold))
    r1 = i32x4.sub(r1, f32x4.gt(x1, threshold))
    r2 = i32x4.sub(r2, f32x4.gt(x2, threshold))
    r3 = i32x4.sub(r3, f32x4.gt(x3, threshold))
  }
  const ranks = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(r0, r1), i16x8.narrow_i32x4_u(r2, r3))
  const codes = i8x16.swizzle(table, ranks)
  const pairs = v128.and(v128.or(i16x8.shl(codes, 4), i16x8.shr_u(codes, 8)), i16x8.splat(255))
  v128.store64_lane(to, i8x16.narrow_i16x8_u(pairs, pairs), 0)
}

export function quantizeFourBit(
  input: usize,
  decision: usize,
  codes: usize,
  absmax: usize,
  count: u32,
  blockSize: u32,
  begin: u32,
  end: u32,
): void {
  const table = codeTable(decision)
  for (let block = begin; block < end; block++) {
    const start = block * blockSize
    const last = min<u32>(start + blockSize, count)
    const largest = largestOf(input + (start << 2), last - start)
    store<f32>(absmax + (block << 2), largest)
    const factor = <f32>1 / max<f32>(largest, 1e-38)
    const factors = f32x4.splat(factor)
    let i = start
    for (; i + 16 <= last; i += 16) {
      storeSixteen(input + (i << 2), codes + (i >> 1), factors, decision, table)
    }
    for (; i < last; i += 2) {
      const high = codeOf(load<f32>(input + (i << 2)) * factor, decision)
      const low = codeOf(i + 1 < last ? load<f32>(input + ((i + 1) << 2)) * factor : 0, decision)
      store<u8>(codes + (i >> 1), (high << 4) | low)
    }
  }
}
