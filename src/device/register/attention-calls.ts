import { attentionTable, causalRanges } from './attention-table.ts'
import type { Draws } from './kernel-call.ts'

const apart = [
  { batch: 2, heads: 4, kvHeads: 2, queries: 6, keys: 9, capacity: 13, dim: 17, hasAlibi: 1, hasHoles: 0, window: 99 },
  { batch: 1, heads: 2, kvHeads: 1, queries: 1, keys: 70, capacity: 72, dim: 64, hasAlibi: 1, hasHoles: 0, window: 40 },
  {
    batch: 1,
    heads: 2,
    kvHeads: 2,
    queries: 70,
    keys: 70,
    capacity: 70,
    dim: 32,
    hasAlibi: 0,
    hasHoles: 0,
    window: 99,
  },
  { batch: 1, heads: 2, kvHeads: 2, queries: 80, keys: 99, capacity: 99, dim: 8, hasAlibi: 0, hasHoles: 1, window: 21 },
  // Three query heads to a key head, in whole and ragged tiles.
  {
    batch: 1,
    heads: 6,
    kvHeads: 2,
    queries: 37,
    keys: 37,
    capacity: 37,
    dim: 24,
    hasAlibi: 0,
    hasHoles: 0,
    window: 99,
  },
  // Wide heads, which two workgroups of tiles share.
  {
    batch: 1,
    heads: 2,
    kvHeads: 1,
    queries: 34,
    keys: 41,
    capacity: 42,
    dim: 200,
    hasAlibi: 0,
    hasHoles: 0,
    window: 30,
  },
].map((s) => ({ ...s, isFused: 0 }))
const fused = [
  { batch: 2, heads: 4, kvHeads: 2, tokens: 7, dim: 17, hasAlibi: 1, hasHoles: 1, window: 5 },
  { batch: 2, heads: 4, kvHeads: 2, tokens: 37, dim: 24, hasAlibi: 1, hasHoles: 0, window: 99 },
  { batch: 1, heads: 3, kvHeads: 1, tokens: 35, dim: 72, hasAlibi: 0, hasHoles: 0, window: 33 },
].map(({ tokens, ...s }) => ({ ...s, queries: tokens, keys: tokens, capacity: tokens, isFused: 1 }))
const layouts = [
  { batch: 2, tokens: 5, heads: 4, kvHeads: 2, dim: 6, past: 3, capacity: 9, hasRotary: 1, rotaryStep: 30 },
  { batch: 1, tokens: 33, heads: 2, kvHeads: 2, dim: 16, past: 0, capacity: 33, hasRotary: 0, rotaryStep: 0 },
  { batch: 1, tokens: 9, heads: 3, kvHeads: 1, dim: 20, past: 0, capacity: 9, hasRotary: 1, rotaryStep: 0 },
] as const

type Sizes = (typeof apart)[number]
type Layout = (typeof layouts)[number]

/**
 * Who sees whom: the first sample is padded by two keys, a query sees `window`, and where there are holes, every third
 * key is one.
 */
const tableOf = ({ batch, heads, queries, keys, hasAlibi, hasHoles, window }: Sizes, { normals }: Draws) => {
  const ranges = causalRanges(batch, queries, keys).map((place, i) => {
    const query = i >> 1
    const least = query < queries ? 2 : 0
    return i % 2 === 0 ? Math.max(least, (query % queries) + keys - queries + 1 - window) : place
  })
  const mask = Uint8Array.from({ length: batch * keys }, (_, i) => +((i % keys) % 3 !== 1))
  const slopes = normals(heads).map((x) => (0.05 + Math.abs(x)) / 8)
  const positions = Float32Array.from({ length: batch * keys }, (_, i) => i % keys)
  const alibi = hasAlibi === 1 ? { slopes, positions } : undefined
  return attentionTable({ samples: batch, queries, keys, ranges, mask: hasHoles === 1 ? mask : undefined, alibi })
}

/** Cut so that what attention keeps of a row is near the truth. */
const attended = ({ window, ...s }: Sizes, draws: Draws) => {
  const { normals } = draws
  const rows = s.batch * s.heads * s.queries
  const [ofQ, ofK] = [rows * s.dim, s.batch * s.kvHeads * s.capacity * s.dim]
  const qkv = normals(ofQ + 2 * ofK)
  const byHead = { q: normals(ofQ), k: normals(ofK), v: normals(ofK) }
  return {
    reads: { ...(s.isFused === 1 ? { q: qkv, k: qkv, v: qkv } : byHead), table: tableOf({ ...s, window }, draws) },
    dOut: normals(ofQ),
    out: normals(ofQ),
    stats: normals(2 * rows).map((x, i) => (i % 2 === 0 ? 3 + x : x)),
    dQ: normals(s.isFused === 1 ? qkv.length : ofQ),
    dKv: normals(s.isFused === 1 ? qkv.length : 2 * ofK),
    params: { ...s, first: 0, scale: 1 / Math.sqrt(s.dim), alibiScale: 0.5 },
  }
}
const perHeads = <T>(draws: Draws, make: (parts: ReturnType<typeof attended>) => T) =>
  [...apart, ...fused].map((s) => make(attended(s, draws)))
const byHead = ({ batch, dim }: Layout, count: number, rows: number, { normals }: Draws) =>
  normals(batch * count * rows * dim)
const anglesOf = ({ batch, tokens, dim, hasRotary, rotaryStep }: Layout, { normals }: Draws) =>
  hasRotary === 1 ? normals(rotaryStep === 0 ? tokens * dim : batch * rotaryStep) : null

/** The calls that attention's kernels are tested with. */
export const attentionCalls = {
  splitHeads: (draws: Draws) =>
    layouts.map((s) => ({
      reads: { qkv: byHead(s, s.heads + 2 * s.kvHeads, s.tokens, draws), rotary: anglesOf(s, draws) },
      writes: {
        q: byHead(s, s.heads, s.tokens, draws),
        k: byHead(s, s.kvHeads, s.capacity, draws),
        v: byHead(s, s.kvHeads, s.capacity, draws),
      },
      params: s,
    })),
  joinHeads: (draws: Draws) =>
    layouts.map((s) => {
      const { tokens, heads, kvHeads, capacity } = s
      const [dQ, dKv] = [byHead(s, heads, tokens, draws), byHead(s, 2 * kvHeads, capacity, draws)]
      return {
        reads: { dQ, dKv, rotary: anglesOf(s, draws) },
        writes: { dQkv: byHead(s, heads + 2 * kvHeads, tokens, draws) },
        params: s,
      }
    }),
  rowsToHeads: (draws: Draws) =>
    layouts.map((s) => {
      const { kvHeads: _, ...sizes } = s
      return {
        reads: { x: byHead(s, s.heads, s.tokens, draws), rotary: anglesOf(s, draws) },
        writes: { out: byHead(s, s.heads, s.capacity, draws) },
        params: sizes,
      }
    }),
  headsToRows: (draws: Draws) =>
    layouts.map((s) => {
      const { kvHeads: _, ...sizes } = s
      return {
        reads: { x: byHead(s, s.heads + 1, s.capacity, draws), rotary: anglesOf(s, draws) },
        writes: { out: byHead(s, s.heads, s.tokens, draws) },
        params: { ...sizes, held: s.heads + 1, first: 1 },
      }
    }),
  attention: (draws: Draws) =>
    perHeads(draws, ({ reads, out, stats, params }) => ({ reads, writes: { out, stats }, params })),
  attentionBackwardQuery: (draws: Draws) =>
    perHeads(draws, ({ reads, dOut, out, stats, dQ, params }) => ({
      reads: { ...reads, dOut, out },
      writes: { stats, dQ },
      params,
    })),
  attentionBackwardKey: (draws: Draws) =>
    perHeads(draws, ({ reads, dOut, stats, dKv, params }) => ({
      reads: { ...reads, dOut, stats },
      writes: { dKv },
      params,
    })),
}
