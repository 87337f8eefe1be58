// dV[j] = Σ P[i,j] · dOut[i], dK[j] = Σ dS[i,j] · q[i] over the queries i that see key j of all heads that share it; P, dS and
// shapes as in attentionBackwardQuery; dK, dV [batch,kvHeads,capacity,dim], of which the first `keys` rows are written.
// One item is one key of one kv head; a column of scores and one of their gradients stand in scratch.
import { exp4 } from './math.as.ts'
import { addRows, dotRows } from './rows.as.ts'
import { scratch } from './scratch.as.ts'
import { loadPart } from './simd.as.ts'

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
  const columnBytes = (queries + 4) << 2
  const shares = scratch(2 * columnBytes)
  const slopes = shares + columnBytes
  for (let item = begin; item < end; item++) {
    const key = item % keys
    const sample = item / keys / kvHeads
    const kvHead = (item / keys) % kvHeads
    const at = ((sample * kvHeads + kvHead) * capacity + key) * bytes
    memory.fill(dK + at, 0, bytes)
    memory.fill(dV + at, 0, bytes)
    const first = <u32>max<i32>(0, key + queries - keys)
    const count = queries - first
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const row = sample * heads + head
      const bias = load<f32>(keyBias + ((row * keys + key) << 2))
      if (!(bias >= -1e30)) continue
      const rows = q + (row * queries + first) * bytes
      const gradients = dOut + ((sample * queries + first) * heads + head) * bytes
      dotRows(k + at, rows, bytes, count, dim, shares)
      dotRows(v + at, gradients, heads * bytes, count, dim, slopes)
      softmaxSlopes(shares, slopes, stats + ((row * queries + first) << 3), count, scale, bias)
      addRows(shares, gradients, heads * bytes, count, dim, dV + at, true)
      addRows(slopes, rows, bytes, count, dim, dK + at, true)
    }
  }
}

/** From q·k and dOut·v of a column: P to `shares` and dS to `slopes`. */
function softmaxSlopes(shares: usize, slopes: usize, stats: usize, count: u32, scale: f32, bias: f32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const at: usize = i << 2
    const pairs = stats + (i << 3)
    const left = count - i
    const low = loadPart(pairs, left << 1)
    const high = left > 2 ? loadPart(pairs + 16, (left - 2) << 1) : low
    const logSums = v128.shuffle<f32>(low, high, 0, 2, 4, 6)
    const deltas = v128.shuffle<f32>(low, high, 1, 3, 5, 7)
    const score = f32x4.add(f32x4.mul(f32x4.splat(scale), v128.load(shares + at)), f32x4.splat(bias))
    const p = exp4(f32x4.sub(score, logSums))
    v128.store(shares + at, p)
    v128.store(slopes + at, f32x4.mul(f32x4.mul(f32x4.splat(scale), p), f32x4.sub(v128.load(slopes + at), deltas)))
  }
}
