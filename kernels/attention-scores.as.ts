import { exp4 } from './math.as.ts'
import { dotRows } from './rows.as.ts'
import { loadPart, maxLane, sumWide, widen } from './simd.as.ts'

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
