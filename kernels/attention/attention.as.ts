// out = softmax(scale · q·kᵀ + alibiScale · bfloat16(slope · position)) · v over the keys that a query sees. q
// [batch,heads,queries,dim], k, v [batch,kvHeads,capacity,dim], or, isFused, all three [batch,queries,(heads +
// 2·kvHeads)·dim]; table: who sees whom, and ALiBi's numbers (attention-table.as.ts); out [batch,queries,heads·dim],
// stats [batch,heads,queries,2]: log-sum-exp of the row, and a slot left alone. No key seen: both 0. One item is 8
// queries of one head, over which keys go in blocks (Dao 2022, FlashAttention); a few queries go one by one.
import { alibiRow, LOG2_E, powers, powersOfEight, scoreKeys } from './attention-scores.as.ts'
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
import { power4 } from '../shared/math.as.ts'
import { addRows } from '../shared/rows.as.ts'
import { scratch, scratchBehind } from '../shared/scratch.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

/** As many queries of an item, or fewer, are not worth the work of eight. */
const FEW: u32 = 5

export function attention(
  q: usize,
  k: usize,
  v: usize,
  table: usize,
  out: usize,
  stats: usize,
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
  const pitch = pitchOf(heads, kvHeads, dim, isFused)
  const blocks = (queries + 7) >> 3
  const used = bytesOfEight(dim)
  const wideBytes = wideOf(dim) << 2
  // Values that do not lie side by side are copied so, once for all items of their head.
  const aside = !areSideBySide(pitch, dim) && keys <= scratchBehind(used) / wideBytes
  const copies = scratch(used + (aside ? keys * wideBytes : 0)) + used
  let copied: usize = 0
  let have: i32 = 0
  for (let item = begin; item < end; item++) {
    const query = (item % blocks) << 3
    const row = item / blocks
    const sample = row / heads
    const head = row % heads
    const ofQ = q + startOfQ(sample, head, heads, kvHeads, queries, dim, isFused) + query * pitch
    const kv = startOfK(sample, head / (heads / kvHeads), heads, kvHeads, queries, capacity, dim, isFused)
    const ofK = k + kv
    const ofV = v + kv + isFused * bytes
    const at = row * queries + query
    const to = out + ((sample * queries + query) * heads + head) * bytes
    const slope: f32 = hasAlibi ? load<f32>(table + (head << 2)) : 0
    const record = table + recordOf(first + sample, heads, queries, keys, hasAlibi)
    const positions = hasAlibi ? record + startOfPositions(queries, keys) : 0
    const holes = hasHoles ? record + startOfQueries(queries) : 0
    const ranges = record + (query << 3)
    const count = min<u32>(queries - query, 8)
    if (count <= FEW) {
      copied = 0
      for (let i: u32 = 0; i < count; i++) {
        attendOne(
          ofQ + i * pitch,
          ofK,
          ofV,
          pitch,
          ranges + (i << 3),
          holes,
          positions,
          slope,
          alibiScale,
          dim,
          scale,
          to + i * heads * bytes,
          stats + ((at + i) << 3),
        )
      }
    } else {
      if (aside) {
        have = copyFurther(ofV, pitch, copied == ofV ? have : 0, endOf(ranges + ((count - 1) << 3)), dim, copies)
        copied = ofV
      }
      attendEight(
        ofQ,
        ofK,
        pitch,
        aside ? copies : ofV,
        aside ? wideBytes : pitch,
        ranges,
        holes,
        positions,
        slope,
        alibiScale,
        count,
        dim,
        scale,
        to,
        heads * bytes,
        stats + (at << 3),
      )
    }
  }
}

function attendOne(
  q: usize,
  k: usize,
  v: usize,
  pitch: u32,
  range: usize,
  holes: usize,
  positions: usize,
  slope: f32,
  alibiScale: f32,
  dim: u32,
  scale: f32,
  out: usize,
  stats: usize,
): void {
  const bytes = dim << 2
  // From a multiple of 4 on, so that sums have the same parts whatever is hidden in front.
  const start = firstOf(range) & ~3
  const seen = max<i32>(0, endOf(range) - start)
  const scores = scratch((seen + 4) << 3)
  const terms = scores + ((seen + 4) << 2)
  alibiRow(positions ? positions + (start << 2) : 0, slope, alibiScale, seen, terms)
  for (let j = 0; j < min<i32>(seen, firstOf(range) - start); j++) store<f32>(terms + (j << 2), -Infinity)
  if (holes) hideHoles(holes + (start << 3), seen, terms)
  const top = scoreKeys(q, k + start * pitch, pitch, terms, seen, dim, scale, scores)
  if (top == -Infinity) {
    store<f32>(stats, 0)
    memory.fill(out, 0, bytes)
    return
  }
  const sum = powers(scores, seen, top)
  store<f32>(stats, logSum(top, sum))
  addRows(scores, v + start * pitch, pitch, seen, dim, out)
  const share = f32x4.splat(<f32>(1 / sum))
  for (let i: u32 = 0; i < dim; i += 4) {
    const at = out + (i << 2)
    storePart(at, f32x4.mul(loadPart(at, dim - i), share), dim - i)
  }
}

/** Natural logarithm of sum · 2^top. */
function logSum(top: f32, sum: f64): f32 {
  return <f32>(<f64>top * Math.LN2 + Math.log(sum))
}

/** Bytes of scratch that attendEight uses. */
function bytesOfEight(dim: u32): u32 {
  const wide = wideOf(dim)
  return 2 * (wide << 5) + BLOCK_BYTES + BLOCK * (wide << 2) + BLOCK * 4 + 128 + RANGES_BYTES
}

/** Up to 8 queries, whose ranges of keys follow one another. */
function attendEight(
  q: usize,
  k: usize,
  pitch: u32,
  v: usize,
  vBytes: u32,
  from: usize,
  holes: usize,
  positions: usize,
  slope: f32,
  alibiScale: f32,
  count: u32,
  dim: u32,
  scale: f32,
  out: usize,
  outBytes: u32,
  stats: usize,
): void {
  const wide = wideOf(dim)
  const eight = scratch(bytesOfEight(dim))
  const sums = eight + (wide << 5)
  const shares = sums + (wide << 5)
  const copy = shares + BLOCK_BYTES
  const terms = copy + BLOCK * (wide << 2)
  const tops = terms + BLOCK * 4
  const bases = tops + 32
  const totals = bases + 32
  const factors = totals + 32
  const ranges = factors + 32
  const factor = scale * LOG2_E
  packEight(q, pitch, count, dim, eight)
  memory.fill(sums, 0, wide << 5)
  memory.fill(totals, 0, 32)
  for (let c: u32 = 0; c < 32; c += 4) store<f32>(tops + c, -Infinity)
  copyRanges(from, count, ranges)
  const last = endOf(ranges + ((count - 1) << 3))
  const lastOfFour = endOf(ranges + (min<u32>(count - 1, 3) << 3))
  for (let start = firstOf(ranges) & ~(BLOCK - 1); start < last; start += BLOCK) {
    const rows = min<u32>(last - start, BLOCK)
    alibiRow(positions ? positions + (start << 2) : 0, slope, alibiScale, rows, terms)
    if (holes) hideHoles(holes + (start << 3), rows, terms)
    multiplyEight(k + start * pitch, pitch, rows, eight, dim, shares)
    hideOutside(shares, ranges, start, rows)
    if (raiseTops(shares, rows, factor, terms, tops, bases, factors)) {
      scaleEight(sums, factors, wide)
      v128.store(totals, f32x4.mul(v128.load(totals), v128.load(factors)))
      v128.store(totals, f32x4.mul(v128.load(totals, 16), v128.load(factors, 16)), 16)
    }
    powersOfEight(shares, rows, factor, terms, bases, totals)
    const few = min<i32>(rows, max<i32>(lastOfFour - start, 0))
    addEight(shares, v + start * vBytes, vBytes, few, rows, dim, copy, sums)
  }
  for (let c: u32 = 0; c < count; c++) {
    const total = load<f32>(totals + (c << 2))
    const top = load<f32>(tops + (c << 2))
    store<f32>(factors + (c << 2), total > 0 ? 1 / total : 0)
    store<f32>(stats + (c << 3), total > 0 ? logSum(top, total) : 0)
  }
  scaleEight(sums, factors, wide)
  storeEight(sums, count, dim, out, outBytes)
}

/**
 * Raises tops[c] to the largest score of column c, factor · block[r,c] + terms[r]. Leaves in `bases` what is subtracted
 * from the scores, and in `factors` how much smaller shares become that were taken before; returns whether any top was
 * raised.
 */
function raiseTops(
  block: usize,
  rows: u32,
  factor: f32,
  terms: usize,
  tops: usize,
  bases: usize,
  factors: usize,
): bool {
  const scale = f32x4.splat(factor)
  let low = v128.load(tops)
  let high = v128.load(tops, 16)
  let term = terms
  for (let at = block, last = block + (rows << 5); at < last; at += 32, term += 4) {
    const more = v128.load32_splat(term)
    low = f32x4.pmax(low, madd(scale, v128.load(at), more))
    high = f32x4.pmax(high, madd(scale, v128.load(at, 16), more))
  }
  const isRaised = raiseFour(low, tops, bases, factors)
  return raiseFour(high, tops + 16, bases + 16, factors + 16) || isRaised
}

function raiseFour(top: v128, tops: usize, bases: usize, factors: usize): bool {
  const before = v128.load(tops)
  // Where no key was seen yet scores are -infinity, and nothing is subtracted.
  const base = v128.andnot(top, f32x4.eq(top, f32x4.splat(-Infinity)))
  v128.store(tops, top)
  v128.store(bases, base)
  v128.store(factors, power4(f32x4.sub(before, base)))
  return v128.any_true(f32x4.ne(before, top))
}

function scaleEight(sums: usize, factors: usize, wide: u32): void {
  for (let c: u32 = 0; c < 8; c++) {
    const factor = v128.load32_splat(factors + (c << 2))
    const from = sums + c * (wide << 2)
    for (let i: u32 = 0; i < wide << 2; i += 16) v128.store(from + i, f32x4.mul(factor, v128.load(from + i)))
  }
}
