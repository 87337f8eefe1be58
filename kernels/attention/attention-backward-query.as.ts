// dQ[i] = Σ over keys j of dS[i,j] · k[j], dS = scale · P · (dOut·v - delta), P = exp(score - log-sum-exp), delta =
// dOut·out; shapes as in attention, stats [batch,heads,queries,2]: log-sum-exp, which is read, and delta, which is
// written; dQ as q, in fused rows the queries' columns alone (Dao 2022, FlashAttention). One item is 8 queries of one
// head, over which keys go in blocks.
import { alibiRow, LOG2_E, powersOfEight } from './attention-scores.as.ts'
import {
  copyRanges,
  endOf,
  firstOf,
  hideHoles,
  hideOutside,
  RANGES_BYTES,
  recordOf,
  startOfPositions,
  startOfQueries,
} from './attention-table.as.ts'
import {
  addEight,
  areSideBySide,
  BLOCK,
  BLOCK_BYTES,
  copyFurther,
  multiplyEight,
  packEight,
  storeEight,
  wideOf,
} from './eights/eights.as.ts'
import { pitchOf, startOfK, startOfQ } from './head-places.as.ts'
import { dot } from '../shared/rows.as.ts'
import { scratch, scratchBehind } from '../shared/scratch.as.ts'

export function attentionBackwardQuery(
  q: usize,
  k: usize,
  v: usize,
  table: usize,
  dOut: usize,
  out: usize,
  stats: usize,
  dQ: usize,
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  isFused: u32,
  hasAlibi: u32,
  hasHoles: u32,
  first: u32,
  scale: f32,
  alibiScale: f32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  const wide = wideOf(dim)
  const wideBytes = wide << 2
  const pitch = pitchOf(heads, kvHeads, dim, isFused)
  const used = 3 * (wide << 5) + 2 * BLOCK_BYTES + BLOCK * wideBytes + BLOCK * 4 + 128 + RANGES_BYTES
  // Keys that do not lie side by side are copied so, once for all items of their head.
  const aside = !areSideBySide(pitch, dim) && keys <= scratchBehind(used) / wideBytes
  const eightQ = scratch(used + (aside ? keys * wideBytes : 0))
  const copies = eightQ + used
  const eightOut = eightQ + (wide << 5)
  const sums = eightOut + (wide << 5)
  const shares = sums + (wide << 5)
  const slopes = shares + BLOCK_BYTES
  const copy = slopes + BLOCK_BYTES
  const terms = copy + BLOCK * (wide << 2)
  const logSums = terms + BLOCK * 4
  const deltas = logSums + 32
  const unused = logSums + 64
  const ranges = logSums + 96
  const factor = scale * LOG2_E
  let copied: usize = 0
  let have: i32 = 0
  const blocks = (queries + 7) >> 3
  for (let item = begin; item < end; item++) {
    const query = (item % blocks) << 3
    const row = item / blocks
    const sample = row / heads
    const head = row % heads
    const ofQ = startOfQ(sample, head, heads, kvHeads, queries, dim, isFused) + query * pitch
    const kv = startOfK(sample, head / (heads / kvHeads), heads, kvHeads, queries, capacity, dim, isFused)
    const ofK = k + kv
    const ofV = v + kv + isFused * bytes
    const slope: f32 = hasAlibi ? load<f32>(table + (head << 2)) : 0
    const record = table + recordOf(first + sample, heads, queries, keys, hasAlibi)
    const positions = hasAlibi ? record + startOfPositions(queries, keys) : 0
    const holes = hasHoles ? record + startOfQueries(queries) : 0
    const at = row * queries + query
    const count = min<u32>(queries - query, 8)
    const ofOut = ((sample * queries + query) * heads + head) * bytes
    packEight(q + ofQ, pitch, count, dim, eightQ)
    packEight(dOut + ofOut, heads * bytes, count, dim, eightOut)
    for (let c: u32 = 0; c < count; c++) {
      const row = ofOut + c * heads * bytes
      store<f32>(stats + ((at + c) << 3), dot(dOut + row, out + row, dim), 4)
    }
    packEight(stats + (at << 3), 8, count, 2, logSums)
    v128.store(logSums, f32x4.mul(v128.load(logSums), f32x4.splat(LOG2_E)))
    v128.store(logSums, f32x4.mul(v128.load(logSums, 16), f32x4.splat(LOG2_E)), 16)
    memory.fill(sums, 0, wide << 5)
    copyRanges(record + (query << 3), count, ranges)
    const last = endOf(ranges + ((count - 1) << 3))
    const lastOfFour = endOf(ranges + (min<u32>(count - 1, 3) << 3))
    if (aside) {
      have = copyFurther(ofK, pitch, copied == ofK ? have : 0, last, dim, copies)
      copied = ofK
    }
    for (let start = firstOf(ranges) & ~(BLOCK - 1); start < last; start += BLOCK) {
      const rows = min<u32>(last - start, BLOCK)
      const from = start * pitch
      const keyRows = aside ? copies + start * wideBytes : ofK + from
      const keyBytes = aside ? wideBytes : pitch
      alibiRow(positions ? positions + (start << 2) : 0, slope, alibiScale, rows, terms)
      if (holes) hideHoles(holes + (start << 3), rows, terms)
      multiplyEight(keyRows, keyBytes, rows, eightQ, dim, shares)
      multiplyEight(ofV + from, pitch, rows, eightOut, dim, slopes)
      hideOutside(shares, ranges, start, rows)
      powersOfEight(shares, rows, factor, terms, logSums, unused)
      slopesOfEight(shares, slopes, rows, scale, deltas)
      const few = min<i32>(rows, max<i32>(lastOfFour - start, 0))
      addEight(slopes, keyRows, keyBytes, few, rows, dim, copy, sums)
    }
    storeEight(sums, count, dim, dQ + ofQ, pitch)
  }
}

/** slopes[r,c] = scale · shares[r,c] · (slopes[r,c] - deltas[c]). */
function slopesOfEight(shares: usize, slopes: usize, rows: u32, scale: f32, deltas: usize): void {
  const factor = f32x4.splat(scale)
  const low = v128.load(deltas)
  const high = v128.load(deltas, 16)
  for (let at: u32 = 0; at < rows << 5; at += 32) {
    const x = f32x4.mul(factor, v128.load(shares + at))
    const y = f32x4.mul(factor, v128.load(shares + at, 16))
    v128.store(slopes + at, f32x4.mul(x, f32x4.sub(v128.load(slopes + at), low)))
    v128.store(slopes + at, f32x4.mul(y, f32x4.sub(v128.load(slopes + at, 16), high)), 16)
  }
}
