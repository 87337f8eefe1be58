import { fold } from '../../register/kernel-row.ts'
import type { AdapterTraits, Variant } from './variant.ts'
import type { Params } from '../../register/param-type.ts'

type AttentionKernel = 'attention' | 'attentionBackwardQuery' | 'attentionBackwardKey'

/** Blocks of `rows` queries, or keys, that a call falls into: a workgroup takes one. */
const blocks: Readonly<Record<AttentionKernel, (params: Params, rows: number) => number>> = {
  attention: ({ batch = 0, heads = 0, queries = 0 }, rows) => batch * heads * Math.ceil(queries / rows),
  attentionBackwardQuery: ({ batch = 0, heads = 0, queries = 0 }, rows) => batch * heads * Math.ceil(queries / rows),
  attentionBackwardKey: ({ batch = 0, kvHeads = 0, keys = 0 }, rows) => batch * kvHeads * Math.ceil(keys / rows),
}
const kernels = ['attention', 'attentionBackwardQuery', 'attentionBackwardKey'] as const

/** Both families load four channels at a time; each width of sums is a program of its own. */
const fits = ({ dim = 0 }: Params, most: number) => dim % 4 === 0 && dim <= most

/** Channels of a head that `parts` vectors of each of eight invocations or lanes make. */
const channels = (parts: number) => 32 * parts

/**
 * Fewer queries than these leave most of a tile empty, and the twin, which spreads keys over a workgroup, does them.
 */
const fewestInTiles = 16

/**
 * Tiles in workgroup memory: for any adapter. An invocation has room for 4 chunks; two workgroups share a wider head.
 */
const tiles = kernels.flatMap((kernel) =>
  [
    { CHUNKS: 2, HALVES: 1 },
    { CHUNKS: 4, HALVES: 1 },
    { CHUNKS: 4, HALVES: 2 },
  ].map(({ CHUNKS, HALVES }) => {
    const SIDE = 8
    return {
      kernel,
      text: `${kernel}Tiles` as const,
      constants: { SIDE, DEPTH: 4, CHUNKS, HALVES },
      takes: (params: Params) =>
        fits(params, channels(HALVES * CHUNKS)) &&
        (params['dim'] ?? 0) > channels((HALVES - 1) * CHUNKS) &&
        (params['queries'] ?? 0) >= fewestInTiles,
      groups: (params: Params) => fold(HALVES * blocks[kernel](params, 4 * SIDE)),
    }
  }),
)

/** The share of its tiles' rows that a call must fill for two workgroups a tile to beat the twin on SwiftShader. */
const leastFull = { attention: 0.3, attentionBackwardQuery: 0.55, attentionBackwardKey: 0.85 }

/** The share that `rows` fill of the blocks that they fall into: 1 where none is ragged. */
const filled = (rows = 0, block: number) => rows / (block * Math.ceil(rows / block))

/** Tiles as software adapters guess at them: there an empty row of a tile costs what a full one does. */
const tilesInSoftware = tiles.map((one) => {
  const { kernel, constants } = one
  const side = 4 * constants.SIDE
  return {
    ...one,
    suits: ({ queries, keys }: Params) =>
      constants.HALVES === 1 || filled(queries, side) * filled(keys, side) >= leastFull[kernel],
  }
})

/** Lanes of a subgroup that broadcasts count on. */
const LANES = 8

/** Rows of a workgroup by the vectors of their columns: a lane has room for 16 sums. */
const severalRows = [
  { ROWS: 4, VECTORS: 2 },
  { ROWS: 4, VECTORS: 4 },
  { ROWS: 2, VECTORS: 8 },
]
const oneRow = [2, 4, 8].map((VECTORS) => ({ ROWS: 1, VECTORS }))

/** Broadcasts within subgroups of eight lanes: sizes are what llvmpipe is fastest with. */
const broadcasts = kernels.flatMap((kernel) =>
  (kernel === 'attention' ? [...severalRows, ...oneRow] : severalRows).map(({ ROWS, VECTORS }) => ({
    kernel,
    text: `${kernel}Broadcast` as const,
    constants: { ROWS, VECTORS, LANES },
    takes: (params: Params) =>
      fits(params, channels(VECTORS)) && (ROWS === 1) === (kernel === 'attention' && params['queries'] === 1),
    groups: (params: Params) => fold(blocks[kernel](params, ROWS)),
  })),
)

/** Programs of attention for an adapter, the best guess first; all but the kernels' twins. */
export function attentionVariants({ isSoftware, subgroupLanes }: AdapterTraits): readonly Variant[] {
  if (!isSoftware) return tiles
  return subgroupLanes >= LANES ? [...broadcasts, ...tilesInSoftware] : tilesInSoftware
}
