// dQ[i] = Σ over keys j of dS[i,j] · k[j], dS = scale · P · (dOut·v - delta), P = exp(score - log-sum-exp); shapes as in
// attention, stats [batch,heads,queries,2] with delta in place 1, dQ [batch,heads,queries,dim] (Dao 2022, FlashAttention).
// One item is 8 queries of one head, over which keys go in blocks.
import { biasOf, hideLater } from './attention-scores.as.ts'
import { addEight, BLOCK, BLOCK_BYTES, multiplyEight, packEight, storeEight, wideOf, wideRows } from './eights.as.ts'
import { exp4 } from './math.as.ts'
import { scratch } from './scratch.as.ts'
import { madd } from './simd.as.ts'

export function attentionBackwardQuery(
  q: usize,
  k: usize,
  v: usize,
  keyBias: usize,
  stats: usize,
  dOut: usize,
  dQ: usize,
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  const wide = wideOf(dim)
  const eightQ = scratch(3 * (wide << 5) + 2 * BLOCK_BYTES + BLOCK * (wide << 2) + 64)
  const eightOut = eightQ + (wide << 5)
  const sums = eightOut + (wide << 5)
  const shares = sums + (wide << 5)
  const slopes = shares + BLOCK_BYTES
  const copy = slopes + BLOCK_BYTES
  const eightStats = copy + BLOCK * (wide << 2)
  const blocks = (queries + 7) >> 3
  for (let item = begin; item < end; item++) {
    const query = (item % blocks) << 3
    const row = item / blocks
    const sample = row / heads
    const head = row % heads
    const kv = (sample * kvHeads + head / (heads / kvHeads)) * capacity * bytes
    const bias = keyBias + row * (keys << 2)
    const at = row * queries + query
    const count = min<u32>(queries - query, 8)
    packEight(q + at * bytes, bytes, count, dim, eightQ)
    packEight(dOut + ((sample * queries + query) * heads + head) * bytes, heads * bytes, count, dim, eightOut)
    packEight(stats + (at << 3), 8, count, 2, eightStats)
    memory.fill(sums, 0, wide << 5)
    const sees = <i32>(query + 1 + keys - queries)
    const last = sees + <i32>count - 1
    for (let start = 0; start < last; start += BLOCK) {
      const rows = min<u32>(last - start, BLOCK)
      const from = kv + start * bytes
      multiplyEight(k + from, bytes, rows, eightQ, dim, shares)
      multiplyEight(v + from, bytes, rows, eightOut, dim, slopes)
      slopesOfEight(shares, slopes, bias + (start << 2), eightStats, rows, scale)
      hideLater(slopes, sees - start, rows, 0)
      const few = min<i32>(rows, max<i32>(sees + 3 - start, 0))
      addEight(slopes, wideRows(k + from, bytes, rows, dim, copy), few, rows, wide, sums)
    }
    storeEight(sums, count, dim, dQ + at * bytes, bytes)
  }
}

/** From q·k and dOut·v of 8 queries, one key a row: dS to `slopes`. */
function slopesOfEight(shares: usize, slopes: usize, bias: usize, stats: usize, rows: u32, scale: f32): void {
  const factor = f32x4.splat(scale)
  for (let half: u32 = 0; half < 32; half += 16) {
    const logSums = v128.load(stats + half)
    const deltas = v128.load(stats + half, 32)
    for (let r: u32 = 0; r < rows; r++) {
      const at = (r << 5) + half
      const b = f32x4.splat(biasOf(bias + (r << 2)))
      const p = exp4(f32x4.sub(madd(factor, v128.load(shares + at), b), logSums))
      const d = f32x4.sub(v128.load(slopes + at), deltas)
      v128.store(slopes + at, f32x4.mul(f32x4.mul(factor, p), d))
    }
  }
}
