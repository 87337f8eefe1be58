// dV[j] = Σ P[i,j] · dOut[i], dK[j] = Σ dS[i,j] · q[i] over the queries i that see key j of all heads that share it; P,
// dS and shapes as in attentionBackwardQuery; dKv [batch,2·kvHeads,capacity,dim], a sample's heads of dK before its
// heads of dV, of which the first `keys` rows are written, or the columns of keys and values in fused rows. One item is
// 8 keys of one kv head, over which queries go in blocks.
import { alibiRow, LOG2_E, powersOfEight } from './attention-scores.as.ts'
import {
  copyRanges,
  firstOf,
  hideOutside,
  lastOf,
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
import { scratch, scratchBehind } from '../shared/scratch.as.ts'

export function attentionBackwardKey(
  q: usize,
  k: usize,
  v: usize,
  table: usize,
  dOut: usize,
  stats: usize,
  dKv: usize,
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
  const group = heads / kvHeads
  const wide = wideOf(dim)
  const wideBytes = wide << 2
  const pitch = pitchOf(heads, kvHeads, dim, isFused)
  const used = 4 * (wide << 5) + 2 * BLOCK_BYTES + BLOCK * wideBytes + BLOCK * 4 + 64 + RANGES_BYTES
  // Queries and gradients that do not lie side by side are copied so, once for all items of their key head.
  const half = queries * wideBytes
  const lie = areSideBySide(pitch, dim) && areSideBySide(heads * bytes, dim)
  const aside = !lie && group <= scratchBehind(used) / (2 * half)
  const eightK = scratch(used + (aside ? 2 * group * half : 0))
  const copies = eightK + used
  let copied = -1
  const eightV = eightK + (wide << 5)
  const sumsK = eightV + (wide << 5)
  const sumsV = sumsK + (wide << 5)
  const shares = sumsV + (wide << 5)
  const slopes = shares + BLOCK_BYTES
  const copy = slopes + BLOCK_BYTES
  const terms = copy + BLOCK * (wide << 2)
  const bases = terms + BLOCK * 4
  const unused = bases + 32
  const ranges = unused + 32
  const factor = scale * LOG2_E
  const apart = isFused ? 0 : kvHeads * capacity * bytes
  const blocks = (keys + 7) >> 3
  for (let item = begin; item < end; item++) {
    const key = (item % blocks) << 3
    const pair = item / blocks
    const sample = pair / kvHeads
    const kvHead = pair % kvHeads
    const ofK = startOfK(sample, kvHead, heads, kvHeads, queries, capacity, dim, isFused) + key * pitch
    const ofV = ofK + isFused * bytes
    const count = min<u32>(keys - key, 8)
    packEight(k + ofK, pitch, count, dim, eightK)
    packEight(v + ofV, pitch, count, dim, eightV)
    memory.fill(sumsK, 0, wide << 6)
    const record = table + recordOf(first + sample, heads, queries, keys, hasAlibi)
    copyRanges(record + startOfQueries(queries + key), count, ranges)
    const begins = firstOf(ranges)
    const ends = lastOf(ranges + ((count - 1) << 3))
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const row = sample * heads + head
      const slope: f32 = hasAlibi ? load<f32>(table + (head << 2)) : 0
      const ofQ = q + startOfQ(sample, head, heads, kvHeads, queries, dim, isFused)
      const ofOut = dOut + (sample * queries * heads + head) * bytes
      const copyQ = copies + 2 * (head - kvHead * group) * half
      if (aside && copied != pair) {
        copyFurther(ofQ, pitch, begins, queries, dim, copyQ)
        copyFurther(ofOut, heads * bytes, begins, queries, dim, copyQ + half)
      }
      const rowsQ = aside ? copyQ : ofQ
      const bytesQ = aside ? wideBytes : pitch
      const rowsOut = aside ? copyQ + half : ofOut
      const bytesOut = aside ? wideBytes : heads * bytes
      const positions = hasAlibi ? record + startOfPositions(queries, keys) + (key << 2) : 0
      alibiRow(positions, slope, alibiScale, count, bases)
      v128.store(bases, f32x4.neg(v128.load(bases)))
      v128.store(bases, f32x4.neg(v128.load(bases, 16)), 16)
      for (let start = begins; start < ends; start += BLOCK) {
        const rows = min<u32>(ends - start, BLOCK)
        const from = rowsQ + start * bytesQ
        const gradients = rowsOut + start * bytesOut
        const pairs = stats + ((row * queries + start) << 3)
        for (let r: u32 = 0; r < rows; r++) store<f32>(terms + (r << 2), -LOG2_E * load<f32>(pairs + (r << 3)))
        multiplyEight(from, bytesQ, rows, eightK, dim, shares)
        multiplyEight(gradients, bytesOut, rows, eightV, dim, slopes)
        hideOutside(shares, ranges, start, rows)
        powersOfEight(shares, rows, factor, terms, bases, unused)
        slopesOfEight(shares, slopes, rows, scale, pairs)
        addEight(shares, gradients, bytesOut, rows, rows, dim, copy, sumsV)
        addEight(slopes, from, bytesQ, rows, rows, dim, copy, sumsK)
      }
    }
    copied = pair
    storeEight(sumsK, count, dim, dKv + ofK + sample * apart, pitch)
    storeEight(sumsV, count, dim, dKv + ofV + (sample + 1) * apart, pitch)
  }
}

/** slopes[r,c] = scale · shares[r,c] · (slopes[r,c] - delta of query r). */
function slopesOfEight(shares: usize, slopes: usize, rows: u32, scale: f32, stats: usize): void {
  const factor = f32x4.splat(scale)
  let pair = stats
  for (let at: u32 = 0; at < rows << 5; at += 32, pair += 8) {
    const delta = v128.load32_splat(pair, 4)
    const x = f32x4.mul(factor, v128.load(shares + at))
    const y = f32x4.mul(factor, v128.load(shares + at, 16))
    v128.store(slopes + at, f32x4.mul(x, f32x4.sub(v128.load(slopes + at), delta)))
    v128.store(slopes + at, f32x4.mul(y, f32x4.sub(v128.load(slopes + at, 16), delta)), 16)
  }
}
