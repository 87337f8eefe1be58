import { bf16ToF32, f32ToBf16 } from '../../../src/core/float16.ts'
import { attentionTable, causalRanges } from '../../../src/device/register/attention-table.ts'
import { at, doubles, integers, junk, type KernelCase, kernelCase, normals, seedDraws, sumOf } from '../kernel-case.ts'

seedDraws('attention')

interface Sizes {
  readonly batch: number
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  readonly keys: number
  readonly capacity: number
  readonly dim: number
  readonly hasAlibi: number
  /** What is hidden beside what comes later; default padding, and a hole where there is ALiBi. */
  readonly sees?: 'causal' | 'window' | 'packed' | 'right' | 'holes'
}

/** Heads apart, behind a cache and without. */
const apart: Sizes[] = [
  { batch: 1, heads: 1, kvHeads: 1, queries: 1, keys: 2, capacity: 3, dim: 4, hasAlibi: 1 },
  { batch: 2, heads: 3, kvHeads: 3, queries: 11, keys: 11, capacity: 11, dim: 20, hasAlibi: 1 },
  { batch: 1, heads: 4, kvHeads: 2, queries: 6, keys: 9, capacity: 13, dim: 17, hasAlibi: 1 },
  { batch: 2, heads: 4, kvHeads: 1, queries: 1, keys: 70, capacity: 80, dim: 64, hasAlibi: 1 },
  { batch: 1, heads: 2, kvHeads: 1, queries: 70, keys: 70, capacity: 70, dim: 32, hasAlibi: 0 },
  { batch: 2, heads: 2, kvHeads: 1, queries: 75, keys: 150, capacity: 160, dim: 22, hasAlibi: 1 },
  { batch: 1, heads: 2, kvHeads: 2, queries: 129, keys: 129, capacity: 129, dim: 64, hasAlibi: 1 },
  { batch: 2, heads: 4, kvHeads: 2, queries: 41, keys: 73, capacity: 90, dim: 80, hasAlibi: 1 },
  { batch: 1, heads: 3, kvHeads: 1, queries: 33, keys: 67, capacity: 67, dim: 128, hasAlibi: 0 },
  { batch: 1, heads: 2, kvHeads: 1, queries: 37, keys: 40, capacity: 64, dim: 101, hasAlibi: 1 },
  { batch: 1, heads: 2, kvHeads: 2, queries: 35, keys: 35, capacity: 35, dim: 256, hasAlibi: 1 },
  { batch: 2, heads: 2, kvHeads: 1, queries: 1, keys: 9, capacity: 12, dim: 256, hasAlibi: 0 },
  // Whole windows of two samples, so that the batch can be cut.
  { batch: 2, heads: 4, kvHeads: 2, queries: 16, keys: 16, capacity: 16, dim: 16, hasAlibi: 1 },
  // What else may be hidden, for twins, tiles and few queries.
  { batch: 2, heads: 2, kvHeads: 1, queries: 75, keys: 150, capacity: 151, dim: 22, hasAlibi: 0, sees: 'window' },
  { batch: 2, heads: 4, kvHeads: 2, queries: 140, keys: 140, capacity: 140, dim: 24, hasAlibi: 0, sees: 'window' },
  { batch: 2, heads: 2, kvHeads: 2, queries: 3, keys: 90, capacity: 100, dim: 32, hasAlibi: 1, sees: 'window' },
  { batch: 2, heads: 3, kvHeads: 1, queries: 101, keys: 101, capacity: 101, dim: 68, hasAlibi: 1, sees: 'packed' },
  { batch: 2, heads: 2, kvHeads: 2, queries: 150, keys: 150, capacity: 150, dim: 36, hasAlibi: 0, sees: 'packed' },
  { batch: 2, heads: 4, kvHeads: 2, queries: 90, keys: 130, capacity: 130, dim: 16, hasAlibi: 0, sees: 'holes' },
  { batch: 2, heads: 2, kvHeads: 1, queries: 4, keys: 77, capacity: 80, dim: 12, hasAlibi: 0, sees: 'holes' },
  { batch: 2, heads: 2, kvHeads: 2, queries: 70, keys: 100, capacity: 100, dim: 20, hasAlibi: 1, sees: 'right' },
  { batch: 2, heads: 2, kvHeads: 2, queries: 33, keys: 33, capacity: 40, dim: 19, hasAlibi: 0, sees: 'right' },
  // Heads of which two workgroups of tiles take a part each, the second a small one or as much as the first.
  { batch: 2, heads: 2, kvHeads: 1, queries: 61, keys: 62, capacity: 62, dim: 132, hasAlibi: 0, sees: 'holes' },
  { batch: 2, heads: 4, kvHeads: 1, queries: 63, keys: 63, capacity: 63, dim: 256, hasAlibi: 0, sees: 'window' },
]

/**
 * Fused rows: a key head for each query head, for two, three and for all; odd tokens, and padding where there is ALiBi.
 */
const fused: Sizes[] = [
  { batch: 1, heads: 1, kvHeads: 1, tokens: 1, dim: 8, hasAlibi: 0 },
  { batch: 2, heads: 3, kvHeads: 3, tokens: 11, dim: 20, hasAlibi: 1 },
  { batch: 2, heads: 4, kvHeads: 2, tokens: 13, dim: 17, hasAlibi: 1 },
  { batch: 3, heads: 4, kvHeads: 2, tokens: 16, dim: 8, hasAlibi: 1 },
  { batch: 2, heads: 4, kvHeads: 1, tokens: 37, dim: 8, hasAlibi: 1 },
  { batch: 1, heads: 6, kvHeads: 2, tokens: 71, dim: 20, hasAlibi: 0 },
  { batch: 1, heads: 2, kvHeads: 2, tokens: 129, dim: 64, hasAlibi: 1 },
  { batch: 2, heads: 3, kvHeads: 1, tokens: 65, dim: 64, hasAlibi: 1 },
  { batch: 1, heads: 2, kvHeads: 1, tokens: 35, dim: 128, hasAlibi: 1 },
  { batch: 1, heads: 2, kvHeads: 2, tokens: 19, dim: 256, hasAlibi: 0 },
  { batch: 2, heads: 4, kvHeads: 2, tokens: 100, dim: 32, hasAlibi: 0, sees: 'packed' as const },
  { batch: 2, heads: 4, kvHeads: 1, tokens: 97, dim: 20, hasAlibi: 1, sees: 'window' as const },
  { batch: 2, heads: 2, kvHeads: 2, tokens: 66, dim: 12, hasAlibi: 0, sees: 'holes' as const },
].map(({ tokens, ...s }) => ({ ...s, queries: tokens, keys: tokens, capacity: tokens }))

/** Samples before the call's own whose positions lie in front of theirs. */
const first = 1

type Range = readonly [first: number, end: number]

/** The keys that a query sees, and whether a key is hidden from all, of every sample. */
function sight({ queries, keys, hasAlibi, sees = hasAlibi === 1 ? 'holes' : 'causal' }: Sizes) {
  const padding = keys > 100 ? 80 : 2
  const rangeOf = (sample: number, query: number): Range => {
    const end = query + 1 + keys - queries
    const start = Math.max(0, end - 1 - ((end - 1) % (23 + 20 * sample)))
    if (sees === 'window') return [Math.max(0, end - 21 - 30 * sample), end]
    if (sees === 'packed') return [start, end]
    if (sees === 'right') return [0, Math.min(end, keys - 7 * (sample + 1))]
    // The first sample is padded on its left, so that its first queries see nothing.
    return sees === 'holes' && sample === 0 && keys > 5 ? [padding, end] : [0, end]
  }
  // Of what is not padded key 3 is a hole, and one key in eleven.
  const isHole = (sample: number, key: number) =>
    sees === 'holes' && keys > 5 && (sample !== 0 || keys > 100) && (key === 3 || key % 11 === 8)
  return { rangeOf, isHole }
}

/** Rounded to bfloat16. */
const toBf16 = (value: number) => at(bf16ToF32(f32ToBf16(Float32Array.of(value))), 0)

type Floats = Float32Array | Float64Array

/** Σ a[i + d] · b[j + d]. Plain loops here and below: every file that imports cases pays for them. */
function dot(a: Floats, i: number, b: Floats, j: number, count: number): number {
  let sum = 0
  for (let d = 0; d < count; d++) sum += (a[i + d] ?? NaN) * (b[j + d] ?? NaN)
  return sum
}

/** to[i + d] += times · from[j + d]; a share of 0 is of a key that is hidden. */
function addTo(to: Float64Array, i: number, times: number, from: Floats, j: number, count: number): void {
  if (times === 0) return
  for (let d = 0; d < count; d++) to[i + d] = (to[i + d] ?? NaN) + times * (from[j + d] ?? NaN)
}

/** The kernels' formulas in doubles, by index functions. */
function attend(s: Sizes) {
  const scale = Math.fround(1 / Math.sqrt(s.dim))
  const [q, dOut] = [normals(s.batch * s.heads * s.queries * s.dim, 2), normals(s.batch * s.queries * s.heads * s.dim)]
  const [k, v] = [normals(s.batch * s.kvHeads * s.capacity * s.dim), normals(s.batch * s.kvHeads * s.capacity * s.dim)]
  const { rangeOf, isHole } = sight(s)
  const slopes = normals(s.heads, 0.01).map(toBf16)
  const positions = Float32Array.from(integers((first + s.batch) * s.keys, 400), toBf16)
  // Samples before the call's own see as if there were nothing to hide.
  const samples = first + s.batch
  const own = Array.from({ length: s.batch * s.queries }, (_, i) => rangeOf(Math.floor(i / s.queries), i % s.queries))
  const ranges = Int32Array.of(...causalRanges(first, s.queries, s.keys), ...own.flat())
  const mask = Uint8Array.from(
    { length: samples * s.keys },
    (_, i) => +!isHole(Math.floor(i / s.keys) - first, i % s.keys),
  )
  const table = attentionTable({
    samples,
    queries: s.queries,
    keys: s.keys,
    ranges,
    mask,
    alibi: s.hasAlibi === 1 ? { slopes, positions } : undefined,
  })
  const alibiScale = 0.75
  const biasOf = (sample: number, head: number, key: number) => {
    if (!s.hasAlibi) return 0
    return alibiScale * toBf16(at(slopes, head) * at(positions, (first + sample) * s.keys + key))
  }
  const rows = s.batch * s.heads * s.queries
  const kvRow = (row: number, key: number) => {
    const [sample, head] = [Math.floor(row / s.queries / s.heads), Math.floor(row / s.queries) % s.heads]
    return ((sample * s.kvHeads + Math.floor(head / (s.heads / s.kvHeads))) * s.capacity + key) * s.dim
  }
  const outRow = (row: number) => {
    const [sample, head] = [Math.floor(row / s.queries / s.heads), Math.floor(row / s.queries) % s.heads]
    return ((sample * s.queries + (row % s.queries)) * s.heads + head) * s.dim
  }
  const score = (row: number, key: number) => {
    const [sample, head] = [Math.floor(row / s.queries / s.heads), Math.floor(row / s.queries) % s.heads]
    const [begin, end] = rangeOf(sample, row % s.queries)
    if (key < begin || key >= end || isHole(sample, key)) return -Infinity
    return scale * dot(q, row * s.dim, k, kvRow(row, key), s.dim) + biasOf(sample, head, key)
  }
  const scores = doubles(rows * s.keys, (e) => score(Math.floor(e / s.keys), e % s.keys))
  const logSums = doubles(rows, (row) => {
    const sum = sumOf(s.keys, (key) => Math.exp(at(scores, row * s.keys + key)))
    return sum === 0 ? 0 : Math.log(sum)
  })
  const shares = scores.map((x, e) => Math.exp(x - at(logSums, Math.floor(e / s.keys))))
  const out = new Float64Array(rows * s.dim)
  const deltas = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    const to = outRow(row)
    for (let key = 0; key < s.keys; key++) addTo(out, to, at(shares, row * s.keys + key), v, kvRow(row, key), s.dim)
    deltas[row] = dot(out, to, dOut, to, s.dim)
  }
  const [dQ, dK, dV] = [new Float64Array(q.length), new Float64Array(k.length), new Float64Array(v.length)]
  for (let row = 0; row < rows; row++) {
    for (let key = 0; key < s.keys; key++) {
      const share = at(shares, row * s.keys + key)
      const [kv, to] = [kvRow(row, key), outRow(row)]
      const slope = scale * share * (dot(dOut, to, v, kv, s.dim) - at(deltas, row))
      addTo(dQ, row * s.dim, slope, k, kv, s.dim)
      addTo(dK, kv, slope, q, row * s.dim, s.dim)
      addTo(dV, kv, share, dOut, to, s.dim)
    }
  }
  const stats = doubles(2 * rows, (i) => at(i % 2 ? deltas : logSums, i >> 1))
  const hasHoles = +mask.includes(0)
  return { scale, alibiScale, q, k, v, table, hasHoles, dOut, out, stats, dQ, dK, dV, logSums }
}

/** Numbers by head as rows that go group by group (q…, k, v); what is not given stays. */
function fuse<T extends Float32Array | Float64Array>(
  { heads, kvHeads, queries, dim }: Sizes,
  before: T,
  parts: { readonly q?: ArrayLike<number>; readonly k?: ArrayLike<number>; readonly v?: ArrayLike<number> },
): T {
  const [group, slots] = [heads / kvHeads, heads + 2 * kvHeads]
  const out = before.slice() as T
  const put = (numbers: ArrayLike<number> = [], count: number, slotOf: (head: number) => number) => {
    for (let i = 0; i < numbers.length; i++) {
      const row = Math.floor(i / dim)
      const [sample, head] = [Math.floor(row / queries / count), Math.floor(row / queries) % count]
      out[((sample * queries + (row % queries)) * slots + slotOf(head)) * dim + (i % dim)] = at(numbers, i)
    }
  }
  put(parts.q, heads, (head) => Math.floor(head / group) * (group + 2) + (head % group))
  put(parts.k, kvHeads, (head) => head * (group + 2) + group)
  put(parts.v, kvHeads, (head) => head * (group + 2) + group + 1)
  return out
}

/** What the three kernels are given and must give, of heads apart or in fused rows. */
function casesOf(s: Sizes, isFused: boolean): KernelCase[] {
  const { scale, alibiScale, q, k, v, table, hasHoles, dOut, out, stats, dQ, dK, dV, logSums } = attend(s)
  const { sees: _, ...sizes } = s
  const params = { ...sizes, hasHoles, isFused: +isFused, first, scale, alibiScale }
  const title = `${isFused ? 'fused ' : ''}${Object.values(s).join(' ')}`
  const rows = stats.length / 2
  const qkv = isFused ? fuse(s, new Float32Array(q.length + k.length + v.length), { q, k, v }) : q
  const reads = isFused ? { q: qkv, k: qkv, v: qkv, table } : { q, k, v, table }
  const before = junk(qkv.length)
  // A sample's heads of dK, then its heads of dV. Rows behind the keys belong to the cache and must stay.
  const cache = junk(2 * k.length)
  const half = k.length / s.batch
  const dKv = doubles(2 * k.length, (e) => {
    if (Math.floor(e / s.dim) % s.capacity >= s.keys) return at(cache, e)
    return at(Math.floor(e / half) % 2 ? dV : dK, Math.floor(e / half / 2) * half + (e % half))
  })
  return [
    kernelCase('attention', title, {
      reads,
      writes: { out: junk(out.length), stats: new Float32Array(2 * rows).fill(0.5) },
      params,
      expected: { out, stats: doubles(2 * rows, (i) => (i % 2 ? 0.5 : at(logSums, i >> 1))) },
    }),
    kernelCase('attentionBackwardQuery', title, {
      reads: { ...reads, dOut, out: Float32Array.from(out) },
      writes: { stats: Float32Array.from(stats, (x, i) => (i % 2 ? 9 : x)), dQ: before },
      params,
      expected: { stats, dQ: isFused ? fuse(s, Float64Array.from(before), { q: dQ }) : dQ },
    }),
    kernelCase('attentionBackwardKey', title, {
      reads: { ...reads, dOut, stats: Float32Array.from(stats) },
      writes: { dKv: isFused ? before : cache },
      params,
      expected: { dKv: isFused ? fuse(s, Float64Array.from(before), { k: dK, v: dV }) : dKv },
    }),
  ]
}

export const attentionCases: KernelCase[] = [
  ...apart.flatMap((s) => casesOf(s, false)),
  ...fused.flatMap((s) => casesOf(s, true)),
]
