import { exp4 } from './math.as.ts'
import { dotRows } from './rows.as.ts'
import { loadPart, madd, maxLane, sumWide, widen } from './simd.as.ts'

// What the attention kernels share: rows of scores in scratch, filled up to a multiple of 4.

/** A key with a smaller bias is not seen. */
const UNSEEN: f32 = -1e30

/** Scores of one query against `count` keys: scale · q·k + bias, -infinity where the key is not seen. Returns the largest. */
export function scoreKeys(q: usize, keys: usize, bias: usize, count: u32, dim: u32, scale: f32, scores: usize): f32 {
  dotRows(q, keys, dim << 2, count, dim, scores)
  const none = f32x4.splat(-Infinity)
  const factor = f32x4.splat(scale)
  let largest = none
  for (let j: u32 = 0; j < count; j += 4) {
    const at: usize = j << 2
    const b = loadPart(bias + at, count - j)
    const s = f32x4.add(f32x4.mul(factor, v128.load(scores + at)), b)
    const seen = v128.bitselect(s, none, f32x4.ge(b, f32x4.splat(UNSEEN)))
    v128.store(scores + at, seen)
    if (j + 4 <= count) largest = f32x4.pmax(largest, seen)
  }
  let top = maxLane(largest)
  for (let j = count & ~3; j < count; j++) top = max<f32>(top, load<f32>(scores + (j << 2)))
  for (let j = count; j < ((count + 3) & ~3); j++) store<f32>(scores + (j << 2), -Infinity)
  return top
}

/** scores = exp(scores - top); returns their sum. */
export function exponentials(scores: usize, count: u32, top: f32): f64 {
  let sum = f64x2.splat(0)
  for (let j: u32 = 0; j < count; j += 4) {
    const e = exp4(f32x4.sub(v128.load(scores + (j << 2)), f32x4.splat(top)))
    v128.store(scores + (j << 2), e)
    sum = widen(sum, e)
  }
  return sumWide(sum)
}

// Blocks of scores of 8 queries, one key a row.

/** Column c of a block takes `value` from row `sees` + c on: causal queries see no later key. */
export function hideLater(weights: usize, sees: i32, rows: u32, value: f32): void {
  for (let c = 0; c < 8; c++) {
    for (let r = max<i32>(sees + c, 0); r < <i32>rows; r++) store<f32>(weights + (r << 5) + (c << 2), value)
  }
}

/** Clears what stands in a row behind its first `sees` columns, and so on with a column more from row to row. */
export function hideEarlier(weights: usize, sees: i32, rows: u32): void {
  for (let r = 0; r < <i32>rows && sees + r < 8; r++) {
    for (let c = max<i32>(sees + r, 0); c < 8; c++) store<f32>(weights + (r << 5) + (c << 2), 0)
  }
}

/** The bias of a key, -infinity where it is not seen. */
export function biasOf(bias: usize): f32 {
  const b = load<f32>(bias)
  return b >= UNSEEN ? b : -Infinity
}

/**
 * Scores of 8 queries from their products: scale · q·k + bias. Raises `tops`, the largest of each query so far, and leaves
 * exp(top before - top now) in `factors`; returns whether one was raised.
 */
export function raiseTops(weights: usize, bias: usize, rows: u32, scale: f32, tops: usize, factors: usize): bool {
  const factor = f32x4.splat(scale)
  const low = v128.load(tops)
  const high = v128.load(tops, 16)
  let topLow = low
  let topHigh = high
  for (let r: u32 = 0; r < rows; r++) {
    const at = weights + (r << 5)
    const b = f32x4.splat(biasOf(bias + (r << 2)))
    const x = madd(factor, v128.load(at), b)
    const y = madd(factor, v128.load(at, 16), b)
    v128.store(at, x)
    v128.store(at, y, 16)
    topLow = f32x4.pmax(topLow, x)
    topHigh = f32x4.pmax(topHigh, y)
  }
  v128.store(tops, topLow)
  v128.store(tops, topHigh, 16)
  v128.store(factors, exp4(f32x4.sub(low, finite(topLow))))
  v128.store(factors, exp4(f32x4.sub(high, finite(topHigh))), 16)
  return v128.any_true(v128.or(f32x4.ne(low, topLow), f32x4.ne(high, topHigh)))
}

/** 0 in place of -infinity, so that nothing is subtracted from where no key was seen. */
function finite(tops: v128): v128 {
  return v128.andnot(tops, f32x4.eq(tops, f32x4.splat(-Infinity)))
}

/** exp(score - top) of 8 queries; adds their sums to `totals`, which are multiplied by `factors` before. */
export function sharesOfEight(weights: usize, rows: u32, tops: usize, factors: usize, totals: usize): void {
  const low = finite(v128.load(tops))
  const high = finite(v128.load(tops, 16))
  let sumLow = f32x4.splat(0)
  let sumHigh = sumLow
  for (let r: u32 = 0; r < rows; r++) {
    const at = weights + (r << 5)
    const x = exp4(f32x4.sub(v128.load(at), low))
    const y = exp4(f32x4.sub(v128.load(at, 16), high))
    v128.store(at, x)
    v128.store(at, y, 16)
    sumLow = f32x4.add(sumLow, x)
    sumHigh = f32x4.add(sumHigh, y)
  }
  v128.store(totals, madd(v128.load(totals), v128.load(factors), sumLow))
  v128.store(totals, madd(v128.load(totals, 16), v128.load(factors, 16), sumHigh), 16)
}
