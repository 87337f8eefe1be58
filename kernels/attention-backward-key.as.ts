// dV[j] = Σ P[i,j] · dOut[i], dK[j] = Σ dS[i,j] · q[i] over the queries i that see key j of all heads that share it; P, dS and
// shapes as in attentionBackwardQuery; dK, dV [batch,kvHeads,capacity,dim], of which the first `keys` rows are written.
// One item is 8 keys of one kv head, over which queries go in blocks.
import { biasOf, hideEarlier } from './attention-scores.as.ts'
import { addEight, BLOCK, BLOCK_BYTES, copyRows, multiplyEight, packEight, storeEight, wideOf, wideRows } from './eights.as.ts'
import { exp4 } from './math.as.ts'
import { scratch } from './scratch.as.ts'
import { madd } from './simd.as.ts'

export function attentionBackwardKey(
  q: usize,
  k: usize,
  v: usize,
  keyBias: usize,
  stats: usize,
  dOut: usize,
  dK: usize,
  dV: usize,
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
  const group = heads / kvHeads
  const wide = wideOf(dim)
  const eightK = scratch(4 * (wide << 5) + 2 * BLOCK_BYTES + 2 * BLOCK * (wide << 2) + 32)
  const eightV = eightK + (wide << 5)
  const sumsK = eightV + (wide << 5)
  const sumsV = sumsK + (wide << 5)
  const shares = sumsV + (wide << 5)
  const slopes = shares + BLOCK_BYTES
  const copyQ = slopes + BLOCK_BYTES
  const copyOut = copyQ + BLOCK * (wide << 2)
  const biases = copyOut + BLOCK * (wide << 2)
  const blocks = (keys + 7) >> 3
  for (let item = begin; item < end; item++) {
    const key = (item % blocks) << 3
    const pair = item / blocks
    const sample = pair / kvHeads
    const kvHead = pair % kvHeads
    const at = (pair * capacity + key) * bytes
    const count = min<u32>(keys - key, 8)
    packEight(k + at, bytes, count, dim, eightK)
    packEight(v + at, bytes, count, dim, eightV)
    memory.fill(sumsK, 0, wide << 6)
    const first = <u32>max<i32>(0, key + queries - keys)
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const row = sample * heads + head
      for (let c: u32 = 0; c < 8; c++) {
        store<f32>(biases + (c << 2), c < count ? biasOf(keyBias + ((row * keys + key + c) << 2)) : 0)
      }
      for (let start = first; start < queries; start += BLOCK) {
        const rows = min<u32>(queries - start, BLOCK)
        const from = q + (row * queries + start) * bytes
        const gradients = dOut + ((sample * queries + start) * heads + head) * bytes
        copyRows(gradients, heads * bytes, rows, dim, copyOut)
        multiplyEight(from, bytes, rows, eightK, dim, shares)
        multiplyEight(copyOut, wide << 2, rows, eightV, dim, slopes)
        slopesOfEightKeys(shares, slopes, biases, stats + ((row * queries + start) << 3), rows, scale)
        const sees = <i32>(start + 1 + keys - queries - key)
        hideEarlier(shares, sees, rows)
        hideEarlier(slopes, sees, rows)
        addEight(shares, copyOut, rows, rows, wide, sumsV)
        addEight(slopes, wideRows(from, bytes, rows, dim, copyQ), rows, rows, wide, sumsK)
      }
    }
    storeEight(sumsK, count, dim, dK + at, bytes)
    storeEight(sumsV, count, dim, dV + at, bytes)
  }
}

/** From q·k and dOut·v of 8 keys, one query a row: P to `shares` and dS to `slopes`. */
function slopesOfEightKeys(shares: usize, slopes: usize, biases: usize, stats: usize, rows: u32, scale: f32): void {
  const factor = f32x4.splat(scale)
  for (let half: u32 = 0; half < 32; half += 16) {
    const bias = v128.load(biases + half)
    for (let r: u32 = 0; r < rows; r++) {
      const at = (r << 5) + half
      const logSum = v128.load32_splat(stats + (r << 3))
      const delta = v128.load32_splat(stats + (r << 3), 4)
      const p = exp4(f32x4.sub(madd(factor, v128.load(shares + at), bias), logSum))
      v128.store(shares + at, p)
      v128.store(slopes + at, f32x4.mul(f32x4.mul(factor, p), f32x4.sub(v128.load(slopes + at), delta)))
    }
  }
}
