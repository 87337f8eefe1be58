import { madd, storeSplit, sumLanes } from '../shared/simd.as.ts'
import { blockSize, codes, decodeScales, lookUp, NIBBLE, planes, tables } from './four-bit.as.ts'

// One row times rows of 4-bit weights, 64 values at a time. Half of them are looked up in planes of bytes, whose
// shuffles keep two of the processor's units busy; the other half, pair by pair, in a table of 256 pairs of values in
// memory, which keeps those busy that load.

/** Bytes of the table of pairs. */
const PAIRS_BYTES: u32 = 2048
/** Values whose ordered factors the scratch has room for. */
const MOST: u32 = 65536

/** Bytes of scratch that `dotRows` needs: the table, the factors in their order, and a row's scales. */
export const DOTS_BYTES: u32 = PAIRS_BYTES + (MOST << 2) + ((MOST >> 6) << 2)

/** Whether `dotRows` takes rows of `count` values. */
export function fitsDots(count: u32): bool {
  return blockSize >= 64 && (blockSize & (blockSize - 1)) == 0 && count % blockSize == 0 && count <= MOST
}

/** Pair i is what the nibbles of the byte i stand for, the high one first. */
function fillPairs(to: usize): void {
  for (let high: u32 = 0; high < 16; high++) {
    const first = v128.load32_splat(tables + (high << 2))
    for (let low: u32 = 0; low < 16; low += 4, to += 32) {
      const second = v128.load(tables + (low << 2))
      v128.store(to, v128.shuffle<f32>(first, second, 0, 4, 1, 5))
      v128.store(to, v128.shuffle<f32>(first, second, 2, 6, 3, 7), 16)
    }
  }
}

/** Of each 64 factors the first 32 as high and low nibbles of 16 bytes meet them: those of even places first. */
function order(a: usize, count: u32, to: usize): void {
  for (const last = a + (count << 2); a < last; a += 256, to += 256) {
    for (let i: u32 = 0; i < 4; i++) {
      const from = a + (i << 5)
      storeSplit(v128.load(from), v128.load(from, 16), to + (i << 4), to + (i << 4) + 64)
    }
    memory.copy(to + 128, a + 128, 128)
  }
}

/** Writes the scales of a row, one for each 64 of its values. */
function rowScales(start: u32, count: u32, to: usize): void {
  const shift = ctz(blockSize)
  const blocks = count >> shift
  decodeScales(start >> shift, blocks, to)
  if (shift == 6) return
  // Each as often as it is wanted, from the last one on, which takes the place of none that is still to come.
  for (let i = (count >> 6) - 1; i > 0; i--) store<f32>(to + (i << 2), load<f32>(to + ((i >> (shift - 6)) << 2)))
}

/** The values of two bytes. */
function pairsOf(pairs: usize, first: u32, second: u32): v128 {
  return v128.load64_lane(pairs + (second << 3), v128.load64_zero(pairs + (first << 3)), 1)
}

function firstOf(low: v128, high: v128): v128 {
  return v128.shuffle<u8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

function lastOf(low: v128, high: v128): v128 {
  return v128.shuffle<u8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

function firstValues(lower: v128, upper: v128): v128 {
  return v128.shuffle<u16>(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11)
}

function lastValues(lower: v128, upper: v128): v128 {
  return v128.shuffle<u16>(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15)
}

/**
 * sums[r] = Σ a[i] · value[start + r · count + i] for `rows` rows of `count` values. Each 64 are scaled after their
 * sum. `spare`: DOTS_BYTES of scratch.
 */
export function dotRows(a: usize, start: u32, count: u32, rows: u32, sums: usize, spare: usize): void {
  const pairs = spare
  const x = spare + PAIRS_BYTES
  fillPairs(pairs)
  order(a, count, x)
  const nibble = v128.load(planes, NIBBLE)
  const plane0 = v128.load(planes)
  const plane1 = v128.load(planes, 16)
  const plane2 = v128.load(planes, 32)
  const plane3 = v128.load(planes, 48)
  const scales = x + (MOST << 2)
  const last = x + (count << 2)
  let from = codes + (start >> 1)
  for (const end = sums + (rows << 2); sums < end; sums += 4, start += count) {
    rowScales(start, count, scales)
    let scale = scales
    let total = f32x4.splat(0)
    for (let p = x; p < last; p += 256, from += 32, scale += 4) {
      let s0 = f32x4.splat(0)
      let s1 = s0
      // The exits are never taken. They cut the way into pieces, since V8 up to 12 puts all loads of a piece first and
      // has too few registers for more of them.
      do {
        const bytes = v128.load(from)
        let index = v128.and(i16x8.shr_u(bytes, 4), nibble)
        let b0 = lookUp(plane0, index)
        let b1 = lookUp(plane1, index)
        let b2 = lookUp(plane2, index)
        let b3 = lookUp(plane3, index)
        let lower = firstOf(b0, b1)
        let upper = firstOf(b2, b3)
        s0 = madd(v128.load(p), firstValues(lower, upper), s0)
        s1 = madd(v128.load(p, 16), lastValues(lower, upper), s1)
        lower = lastOf(b0, b1)
        upper = lastOf(b2, b3)
        s0 = madd(v128.load(p, 32), firstValues(lower, upper), s0)
        s1 = madd(v128.load(p, 48), lastValues(lower, upper), s1)
        if (from == 1) break
        index = v128.and(bytes, nibble)
        b0 = lookUp(plane0, index)
        b1 = lookUp(plane1, index)
        b2 = lookUp(plane2, index)
        b3 = lookUp(plane3, index)
        lower = firstOf(b0, b1)
        upper = firstOf(b2, b3)
        s0 = madd(v128.load(p, 64), firstValues(lower, upper), s0)
        s1 = madd(v128.load(p, 80), lastValues(lower, upper), s1)
        lower = lastOf(b0, b1)
        upper = lastOf(b2, b3)
        s0 = madd(v128.load(p, 96), firstValues(lower, upper), s0)
        s1 = madd(v128.load(p, 112), lastValues(lower, upper), s1)
        if (from == 2) break
        s0 = madd(v128.load(p, 128), pairsOf(pairs, load<u8>(from, 16), load<u8>(from, 17)), s0)
        s1 = madd(v128.load(p, 144), pairsOf(pairs, load<u8>(from, 18), load<u8>(from, 19)), s1)
        if (from == 3) break
        s0 = madd(v128.load(p, 160), pairsOf(pairs, load<u8>(from, 20), load<u8>(from, 21)), s0)
        s1 = madd(v128.load(p, 176), pairsOf(pairs, load<u8>(from, 22), load<u8>(from, 23)), s1)
        if (from == 4) break
        s0 = madd(v128.load(p, 192), pairsOf(pairs, load<u8>(from, 24), load<u8>(from, 25)), s0)
        s1 = madd(v128.load(p, 208), pairsOf(pairs, load<u8>(from, 26), load<u8>(from, 27)), s1)
        if (from == 5) break
        s0 = madd(v128.load(p, 224), pairsOf(pairs, load<u8>(from, 28), load<u8>(from, 29)), s0)
        s1 = madd(v128.load(p, 240), pairsOf(pairs, load<u8>(from, 30), load<u8>(from, 31)), s1)
      } while (false)
      total = madd(v128.load32_splat(scale), f32x4.add(s0, s1), total)
    }
    store<f32>(sums, sumLanes(total))
  }
}
