// out = softmax(scale · q·kᵀ + keyBias) · v, causal: query i sits at key i + keys - queries. q [batch,heads,queries,dim],
// k, v [batch,kvHeads,capacity,dim], keyBias [batch,heads,keys] (below -1e30: not seen), out [batch,queries,heads·dim],
// stats [batch,heads,queries,2]: log-sum-exp of the row, and room for attentionDelta. No key seen: out 0, log-sum-exp 0.
// One item is 8 queries of one head, over which keys go in blocks (Dao 2022, FlashAttention); a few queries go one by one.
import { exponentials, hideLater, raiseTops, scoreKeys, sharesOfEight } from './attention-scores.as.ts'
import { addEight, BLOCK, BLOCK_BYTES, multiplyEight, packEight, storeEight, wideOf, wideRows } from './eights.as.ts'
import { addRows } from './rows.as.ts'
import { scratch } from './scratch.as.ts'
import { loadPart, storePart } from './simd.as.ts'

/** As many queries of an item, or fewer, are not worth the work of eight. */
const FEW: u32 = 4

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
  const blocks = (queries + 7) >> 3
  for (let item = begin; item < end; item++) {
    const query = (item % blocks) << 3
    const row = item / blocks
    const sample = row / heads
    const head = row % heads
    const kv = (sample * kvHeads + head / (heads / kvHeads)) * capacity * bytes
    const at = row * queries + query
    const to = out + ((sample * queries + query) * heads + head) * bytes
    const bias = keyBias + row * (keys << 2)
    const count = min<u32>(queries - query, 8)
    const sees = query + 1 + keys - queries
    if (count <= FEW) {
      for (let i: u32 = 0; i < count; i++) {
        const seen = max<i32>(0, sees + i)
        attendOne(q + (at + i) * bytes, k + kv, v + kv, bias, seen, dim, scale, to + i * heads * bytes, stats + ((at + i) << 3))
      }
    } else {
      attendEight(q + at * bytes, k + kv, v + kv, bias, sees, count, dim, scale, to, heads * bytes, stats + (at << 3))
    }
  }
}

function attendOne(
  q: usize,
  k: usize,
  v: usize,
  bias: usize,
  seen: u32,
  dim: u32,
  scale: f32,
  out: usize,
  stats: usize,
): void {
  const bytes = dim << 2
  const scores = scratch((seen + 4) << 2)
  const top = scoreKeys(q, k, bias, seen, dim, scale, scores)
  if (top == -Infinity) {
    store<f32>(stats, 0)
    memory.fill(out, 0, bytes)
    return
  }
  const sum = exponentials(scores, seen, top)
  store<f32>(stats, <f32>(<f64>top + Math.log(sum)))
  addRows(scores, v, bytes, seen, dim, out, false)
  const share = f32x4.splat(<f32>(1 / sum))
  for (let i: u32 = 0; i < dim; i += 4) {
    const at = out + (i << 2)
    storePart(at, f32x4.mul(loadPart(at, dim - i), share), dim - i)
  }
}

/** Up to 8 queries, of which the first sees `sees` keys and each a key more than the one before. */
function attendEight(
  q: usize,
  k: usize,
  v: usize,
  bias: usize,
  sees: i32,
  count: u32,
  dim: u32,
  scale: f32,
  out: usize,
  outBytes: u32,
  stats: usize,
): void {
  const bytes = dim << 2
  const wide = wideOf(dim)
  const eight = scratch(2 * (wide << 5) + BLOCK_BYTES + BLOCK * (wide << 2) + 96)
  const sums = eight + (wide << 5)
  const weights = sums + (wide << 5)
  const copy = weights + BLOCK_BYTES
  const tops = copy + BLOCK * (wide << 2)
  const totals = tops + 32
  const factors = totals + 32
  packEight(q, bytes, count, dim, eight)
  memory.fill(sums, 0, wide << 5)
  for (let c: u32 = 0; c < 32; c += 4) {
    store<f32>(tops + c, -Infinity)
    store<f32>(totals + c, 0)
  }
  const last = sees + <i32>count - 1
  for (let start = 0; start < last; start += BLOCK) {
    const rows = min<u32>(last - start, BLOCK)
    multiplyEight(k + start * bytes, bytes, rows, eight, dim, weights)
    hideLater(weights, sees - start, rows, -Infinity)
    if (raiseTops(weights, bias + (start << 2), rows, scale, tops, factors)) scaleEight(sums, factors, wide)
    sharesOfEight(weights, rows, tops, factors, totals)
    const few = min<i32>(rows, max<i32>(sees + 3 - start, 0))
    addEight(weights, wideRows(v + start * bytes, bytes, rows, dim, copy), few, rows, wide, sums)
  }
  for (let c: u32 = 0; c < count; c++) {
    const total = load<f32>(totals + (c << 2))
    const top = load<f32>(tops + (c << 2))
    store<f32>(factors + (c << 2), total > 0 ? 1 / total : 0)
    store<f32>(stats + (c << 3), total > 0 ? <f32>(<f64>top + Math.log(total)) : 0)
  }
  scaleEight(sums, factors, wide)
  storeEight(sums, count, dim, out, outBytes)
}

function scaleEight(sums: usize, factors: usize, wide: u32): void {
  for (let c: u32 = 0; c < 8; c++) {
    const factor = v128.load32_splat(factors + (c << 2))
    const from = sums + c * (wide << 2)
    for (let i: u32 = 0; i < wide << 2; i += 16) v128.store(from + i, f32x4.mul(factor, v128.load(from + i)))
  }
}
