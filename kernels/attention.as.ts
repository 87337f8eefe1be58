// out = softmax(scale · q·kᵀ + keyBias) · v, causal: query i sits at key i + keys - queries. q [batch,heads,queries,dim],
// k, v [batch,kvHeads,capacity,dim], keyBias [batch,heads,keys] (below -1e30: not seen), out [batch,queries,heads·dim],
// stats [batch,heads,queries,2]: log-sum-exp of the row, and room for attentionDelta. No key seen: out 0, log-sum-exp 0.
// One item is one query of one head; its scores stand in scratch.
import { exponentials, scoreKeys } from './attention-scores.as.ts'
import { addRows } from './rows.as.ts'
import { scratch } from './scratch.as.ts'
import { loadPart, storePart } from './simd.as.ts'

export function attention(
  q: usize,
  k: usize,
  v: usize,
  keyBias: usize,
  out: usize,
  stats: usize,
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
  const scores = scratch((keys + 4) << 2)
  for (let item = begin; item < end; item++) {
    const query = item % queries
    const row = item / queries
    const sample = row / heads
    const head = row % heads
    const kv = (sample * kvHeads + head / (heads / kvHeads)) * capacity * bytes
    const to = out + ((sample * queries + query) * heads + head) * bytes
    const seen = max<i32>(0, query + 1 + keys - queries)
    const top = scoreKeys(q + item * bytes, k + kv, keyBias + row * (keys << 2), seen, dim, scale, scores)
    if (top == -Infinity) {
      store<f32>(stats + (item << 3), 0)
      memory.fill(to, 0, bytes)
      continue
    }
    const sum = exponentials(scores, seen, top)
    store<f32>(stats + (item << 3), <f32>(<f64>top + Math.log(sum)))
    addRows(scores, v + kv, bytes, seen, dim, to, false)
    const share = f32x4.splat(<f32>(1 / sum))
    for (let i: u32 = 0; i < dim; i += 4) {
      const at = to + (i << 2)
      storePart(at, f32x4.mul(loadPart(at, dim - i), share), dim - i)
    }
  }
}
