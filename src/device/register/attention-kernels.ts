import { attentionCalls } from './attention-calls.ts'
import { attended, gradientsOf, anglesOf, headBytes, rowsOf, statsOf } from './attention-cuts.ts'
import { attentionTable, causalRanges } from './attention-table.ts'
import { further } from './cut.ts'
import { fold, kernel, LANES, lanes } from './kernel-row.ts'
import type { ParamValues } from './param-type.ts'

const attentionParams = {
  batch: 'u32',
  heads: 'u32',
  kvHeads: 'u32',
  queries: 'u32',
  keys: 'u32',
  capacity: 'u32',
  dim: 'u32',
  isFused: 'u32',
  hasAlibi: 'u32',
  hasHoles: 'u32',
  first: 'u32',
  scale: 'f32',
  alibiScale: 'f32',
} as const
/** A causal table, without ALiBi's numbers: zeros serve. */
const trial = ({ first, batch, heads, queries, keys, hasAlibi }: ParamValues<typeof attentionParams>) => {
  const samples = first + batch
  const alibi = { slopes: new Float32Array(heads), positions: new Float32Array(samples * keys) }
  const ranges = causalRanges(samples, queries, keys)
  return { table: attentionTable({ samples, queries, keys, ranges, alibi: hasAlibi === 1 ? alibi : undefined }) }
}
const headSizes = { batch: 'u32', tokens: 'u32', heads: 'u32' } as const

const placeSizes = { past: 'u32', capacity: 'u32', hasRotary: 'u32', rotaryStep: 'u32' } as const

/** The register's rows for attention and the sorting of its projections by head. */
export const attentionKernels = {
  /**
   * Cuts a fused projection [batch,tokens,(kvHeads × (heads/kvHeads + 2)) × dim], whose rows go group by group (q…, k,
   * v), into q [batch,heads,tokens,dim] and k, v [batch,kvHeads,capacity,dim], written from row `past` on. rotary
   * [tokens,dim]: cosines, then sines, of the angles by which channels d and d + dim/2 of q and k are turned, samples
   * rotaryStep numbers apart; null with hasRotary 0.
   */
  splitHeads: kernel({
    reads: ['qkv', 'rotary'],
    writes: ['q', 'k', 'v'],
    params: { ...headSizes, kvHeads: 'u32', dim: 'u32', ...placeSizes },
    varies: true,
    items: (p) => p.batch * p.tokens,
    constants: lanes,
    groups: (p) => fold((p.batch * p.tokens * (p.heads + 2 * p.kvHeads) * p.dim) / LANES),
    cuts: [
      {
        along: 'batch',
        windows: ({ tokens, heads, kvHeads, dim, capacity, rotaryStep }) => {
          const [q, kv] = [headBytes(heads, tokens, dim), headBytes(kvHeads, capacity, dim)]
          return { qkv: headBytes(heads + 2 * kvHeads, tokens, dim), ...anglesOf(rotaryStep), q, k: kv, v: kv }
        },
      },
    ],
    calls: attentionCalls.splitHeads,
  }),
  /**
   * The reverse: dQkv from dQ [batch,heads,tokens,dim] and dKv [batch,2·kvHeads,capacity,dim], from row `past` on, dQ
   * and dK turned back.
   */
  joinHeads: kernel({
    reads: ['dQ', 'dKv', 'rotary'],
    writes: ['dQkv'],
    params: { ...headSizes, kvHeads: 'u32', dim: 'u32', ...placeSizes },
    items: (p) => p.batch * p.tokens,
    constants: lanes,
    groups: (p) => fold((p.batch * p.tokens * (p.heads + 2 * p.kvHeads) * p.dim) / LANES),
    cuts: [
      {
        along: 'batch',
        windows: ({ tokens, heads, kvHeads, dim, capacity, rotaryStep }) => {
          const dQkv = headBytes(heads + 2 * kvHeads, tokens, dim)
          const dKv = headBytes(2 * kvHeads, capacity, dim)
          return { dQ: headBytes(heads, tokens, dim), dKv, ...anglesOf(rotaryStep), dQkv }
        },
      },
    ],
    calls: attentionCalls.joinHeads,
  }),
  /**
   * A projection x [batch,tokens,heads × dim] by head: out [batch,heads,capacity,dim], from row `past` on, turned as in
   * splitHeads.
   */
  rowsToHeads: kernel({
    reads: ['x', 'rotary'],
    writes: ['out'],
    params: { ...headSizes, dim: 'u32', ...placeSizes },
    varies: true,
    items: (p) => p.batch * p.tokens,
    constants: lanes,
    groups: (p) => fold((p.batch * p.tokens * p.heads * p.dim) / LANES),
    cuts: [
      {
        along: 'batch',
        windows: ({ tokens, heads, dim, capacity, rotaryStep }) => {
          const [x, out] = [headBytes(heads, tokens, dim), headBytes(heads, capacity, dim)]
          return { x, ...anglesOf(rotaryStep), out }
        },
      },
    ],
    calls: attentionCalls.rowsToHeads,
  }),
  /**
   * The reverse: out [batch,tokens,heads × dim] from x [batch,held,capacity,dim], its heads from `first` and rows from
   * `past` on, turned back.
   */
  headsToRows: kernel({
    reads: ['x', 'rotary'],
    writes: ['out'],
    params: { ...headSizes, held: 'u32', first: 'u32', dim: 'u32', ...placeSizes },
    items: (p) => p.batch * p.tokens,
    constants: lanes,
    groups: (p) => fold((p.batch * p.tokens * p.heads * p.dim) / LANES),
    cuts: [
      {
        along: 'batch',
        windows: ({ tokens, heads, held, dim, capacity, rotaryStep }) => {
          const [x, out] = [headBytes(held, capacity, dim), headBytes(heads, tokens, dim)]
          return { x, ...anglesOf(rotaryStep), out }
        },
      },
    ],
    calls: attentionCalls.headsToRows,
  }),
  /**
   * q [batch,heads,queries,dim], k and v [batch,kvHeads,capacity,dim]; with isFused 1 all three are the fused
   * projection as splitHeads takes it, of queries = keys = capacity tokens. table: who sees whom, as attention-table.ts
   * makes it, whose sample `first` is the call's first; hasHoles 1 where keys are hidden by its mask. With hasAlibi 1
   * it has ALiBi's numbers too, and alibiScale · bfloat16(slope · position) is added to the scaled scores. A query that
   * sees no key gives 0. out [batch,queries,heads·dim]; stats [batch,heads,queries,2]: log-sum-exp of the row's scores,
   * and room for what attentionBackwardQuery adds.
   */
  attention: kernel({
    reads: ['q', 'k', 'v', 'table'],
    writes: ['out', 'stats'],
    params: attentionParams,
    trial,
    varies: true,
    items: (p) => p.batch * p.heads * Math.ceil(p.queries / 8),
    constants: lanes,
    groups: (p) => fold(p.batch * p.heads * p.queries),
    cuts: [
      // Samples; the table is bound whole, for it begins with ALiBi's slopes.
      { along: 'batch', windows: (p) => ({ ...attended(p), out: rowsOf(p), stats: statsOf(p) }), from: further },
    ],
    calls: attentionCalls.attention,
  }),
  /**
   * dQ as q lies, in fused rows the queries' columns alone; stats[…,1] = Σ dOut · out over a head's row, which
   * softmax's backward subtracts.
   */
  attentionBackwardQuery: kernel({
    reads: ['q', 'k', 'v', 'table', 'dOut', 'out'],
    writes: ['stats', 'dQ'],
    params: attentionParams,
    trial,
    items: (p) => p.batch * p.heads * Math.ceil(p.queries / 8),
    constants: lanes,
    groups: (p) => fold(p.batch * p.heads * p.queries),
    cuts: [
      {
        along: 'batch',
        windows: (p) => ({ ...attended(p), dOut: rowsOf(p), out: rowsOf(p), stats: statsOf(p), dQ: attended(p).q }),
        from: further,
      },
    ],
    calls: attentionCalls.attentionBackwardQuery,
  }),
  /**
   * With stats as attentionBackwardQuery leaves them: dKv [batch,2·kvHeads,capacity,dim], a sample's heads of dK before
   * its heads of dV, or the key and value columns of fused rows.
   */
  attentionBackwardKey: kernel({
    reads: ['q', 'k', 'v', 'table', 'dOut', 'stats'],
    writes: ['dKv'],
    params: attentionParams,
    trial,
    items: (p) => p.batch * p.kvHeads * Math.ceil(p.keys / 8),
    constants: lanes,
    groups: (p) => fold(p.batch * p.kvHeads * p.keys),
    cuts: [
      {
        along: 'batch',
        windows: (p) => ({ ...attended(p), dOut: rowsOf(p), stats: statsOf(p), dKv: gradientsOf(p) }),
        from: further,
      },
    ],
    calls: attentionCalls.attentionBackwardKey,
  }),
} as const
