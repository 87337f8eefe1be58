import { power4 } from '../shared/math.as.ts'
import { dotRows } from '../shared/rows.as.ts'
import { loadPart, madd, maxLane, sumWide, widen } from '../shared/simd.as.ts'

// What the attention kernels share. Scores are logarithms to base 2: scale and bias are multiplied by LOG2_E.

export const LOG2_E: f32 = 1.44269504

/**
 * to[j] = LOG2_E · alibiScale · bfloat16(slope · positions[j]), 0 without ALiBi (`positions` 0). Up to 3 numbers more
 * of `to` are written.
 */
export function alibiRow(positions: usize, slope: f32, alibiScale: f32, count: u32, to: usize): void {
  const factor = f32x4.splat(alibiScale)
  for (let j: u32 = 0; j < count; j += 4) {
    const at: usize = j << 2
    if (positions == 0) {
      v128.store(to + at, i32x4.splat(0))
      continue
    }
    const bits = f32x4.mul(f32x4.splat(slope), loadPart(positions + at, count - j))
    const isOdd = v128.and(i32x4.shr_u(bits, 16), i32x4.splat(1))
    const even = v128.and(i32x4.add(bits, i32x4.add(isOdd, i32x4.splat(0x7fff))), i32x4.splat(0xffff0000))
    v128.store(to + at, f32x4.mul(f32x4.mul(even, factor), f32x4.splat(LOG2_E)))
  }
}

/**
 * Scores of one query against `count` keys: scale · q·k + terms, -infinity up to a multiple of 4. Returns the largest.
 * Keys lie `pitch` bytes apart.
 */
export function scoreKeys(
  q: usize,
  keys: usize,
  pitch: u32,
  terms: usize,
  count: u32,
  dim: u32,
  scale: f32,
  scores: usize,
): f32 {
  dotRows(q, keys, pitch, count, dim, scores)
  const factor = f32x4.splat(scale * LOG2_E)
  let largest = f32x4.splat(-Infinity)
  for (let j: u32 = 0; j < count; j += 4) {
    const at: usize = j << 2
    const s = madd(factor, v128.load(scores + at), v128.load(terms + at))
    v128.store(scores + at, s)
    if (j + 4 <= count) largest = f32x4.pmax(largest, s)
  }
  let top = maxLane(largest)
  for (let j = count & ~3; j < count; j++) top = max<f32>(top, load<f32>(scores + (j << 2)))
  for (let j = count; j < ((count + 3) & ~3); j++) store<f32>(scores + (j << 2), -Infinity)
  return top
}

/** scores = 2^(scores - top); returns their sum. */
export function powers(scores: usize, count: u32, top: f32): f64 {
  let sum = f64x2.splat(0)
  for (let j: u32 = 0; j < count; j += 4) {
    const e = power4(f32x4.sub(v128.load(scores + (j << 2)), f32x4.splat(top)))
    v128.store(scores + (j << 2), e)
    sum = widen(sum, e)
  }
  return sumWide(sum)
}

// Blocks of products of 8 queries or keys, a row for each key or query they met.

/** block[r,c] = 2^(factor · block[r,c] + terms[r] - bases[c]); adds it up in totals[c]. */
export function powersOfEight(block: usize, rows: u32, factor: f32, terms: usize, bases: usize, totals: usize): void {
  const scale = f32x4.splat(factor)
  const last = block + (rows << 5)
  const low = v128.load(bases)
  const high = v128.load(bases, 16)
  let sumLow = v128.load(totals)
  let sumHigh = v128.load(totals, 16)
  let term = terms
  for (let at = block; at < last; at += 32, term += 4) {
    const more = v128.load32_splat(term)
    const p = power4(f32x4.sub(madd(scale, v128.load(at), more), low))
    const q = power4(f32x4.sub(madd(scale, v128.load(at, 16), more), high))
    v128.store(at, p)
    v128.store(at, q, 16)
    sumLow = f32x4.add(sumLow, p)
    sumHigh = f32x4.add(sumHigh, q)
  }
  v128.store(totals, sumLow)
  v128.store(totals, sumHigh, 16)
}
