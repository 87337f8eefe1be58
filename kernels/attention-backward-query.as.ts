// dQ[i] = Σ over keys j of dS[i,j] · k[j], dS = scale · P · (dOut·v - delta), P = exp(score - log-sum-exp); shapes as in
// attention, stats [batch,heads,queries,2] with delta in place 1, dQ [batch,heads,queries,dim] (Dao 2022, FlashAttention).
// One item is one query of one head; its scores and their gradients stand in scratch.
import { exponentials, scoreKeys } from './attention-scores.as.ts'
import { addRows, dotRows } from './rows.as.ts'
import { scratch } from './scratch.as.ts'

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
  const rowBytes = (keys + 4) << 2
  const scores = scratch(2 * rowBytes)
  const slopes = scores + rowBytes
  for (let item = begin; item < end; item++) {
    const query = item % queries
    const row = item / queries
    const sample = row / heads
    const head = row % heads
    const kv = (sample * kvHeads + head / (heads / kvHeads)) * capacity * bytes
    const seen = max<i32>(0, query + 1 + keys - queries)
    scoreKeys(q + item * bytes, k + kv, keyBias + row * (keys << 2), seen, dim, scale, scores)
    exponentials(scores, seen, load<f32>(stats + (item << 3)))
    dotRows(dOut + ((sample * queries + query) * heads + head) * bytes, v + kv, bytes, seen, dim, slopes)
    const delta = v128.load32_splat(stats + (item << 3), 4)
    for (let j: u32 = 0; j < <u32>seen; j += 4) {
      const at: usize = j << 2
      const d = f32x4.mul(v128.load(scores + at), f32x4.sub(v128.load(slopes + at), delta))
      v128.store(slopes + at, f32x4.mul(f32x4.splat(scale), d))
    }
    addRows(slopes, k + kv, bytes, seen, dim, dQ + item * bytes, false)
  }
}
