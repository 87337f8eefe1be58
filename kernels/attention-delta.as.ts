// stats[…,1] = Σ over a head's row of dOut · out; dOut, out [batch,queries,heads·dim], stats [batch,heads,queries,2].
// One item is one query of one head.
import { dot } from './rows.as.ts'

export function attentionDelta(
  dOut: usize,
  out: usize,
  stats: usize,
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  hasAlibi: u32,
  scale: f32,
  alibiScale: f32,
  begin: u32,
  end: u32,
): void {
  for (let item = begin; item < end; item++) {
    const row = item / queries
    const at = (((row / heads) * queries + (item % queries)) * heads + (row % heads)) * (dim << 2)
    store<f32>(stats + (item << 3), dot(dOut + at, out + at, dim), 4)
  }
}
