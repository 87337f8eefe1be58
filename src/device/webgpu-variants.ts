import { attentionBroadcasts, type AttentionText, attentionTiles } from './attention-variants.ts'
import type { KernelName } from './kernels.ts'

type Params = Readonly<Record<string, number>>

/** Names of the WGSL texts that do a kernel's work in another way than its twin. */
export type VariantText = 'matmulBroadcast' | 'matmulBroadcastVectors' | 'matmulFourBitBroadcast' | AttentionText

/** What kernels want to know of an adapter. */
export interface AdapterTraits {
  /** Lanes that every subgroup has at least; 0 where kernels may not use subgroups. */
  readonly subgroupLanes: number
}

/** Another WGSL program of a kernel, with the same bindings and parameters. */
export interface Variant {
  readonly kernel: KernelName
  readonly text: VariantText
  /** Values of its `override` constants. */
  readonly constants: Readonly<Record<string, number>>
  /** Whether it can do a call. */
  takes(params: Params): boolean
  groups(params: Params): readonly [number, number, number]
}

/** Lanes of a subgroup that the texts count on. */
const lanesNeeded = 8

function broadcast(
  kernel: KernelName,
  text: VariantText,
  tile: { readonly ROWS: number; readonly COLUMNS?: number; readonly LANES: number; readonly TRANS_B?: number },
  takes: (params: Params) => boolean,
): Variant {
  const width = tile.LANES * (tile.COLUMNS ?? 4)
  return {
    kernel,
    text,
    constants: tile,
    takes,
    groups: ({ m = 0, n = 0 }) => [Math.ceil(n / width), Math.ceil(m / tile.ROWS), 1],
  }
}

/**
 * Rows of tiles, and the fewest rows of a product that fill them well enough; the first that fits is taken. Sizes are what
 * llvmpipe and its eight lanes are fastest with: beyond them, tiles no longer stay in registers.
 */
const heights = [
  [8, 5],
  [4, 3],
  [2, 2],
  [1, 1],
] as const
const tall = [[16, 9], ...heights] as const

const LANES = 8

/** Whether the words and blocks of a 4-bit W come out even for what the text does with them. */
const isEven = ({ n = 0, k = 0, transB, blockSize = 1 }: Params) =>
  blockSize % 8 === 0 && (transB === 1 ? k % blockSize === 0 : n % 8 === 0)

/** Whether all four-element loads of the text are whole, and a row of out has work for every lane. */
const isWhole = ({ n = 0, k = 0, transA }: Params) => transA === 0 && n % 4 === 0 && k % 4 === 0 && n >= 4 * LANES

const forSubgroups: readonly Variant[] = [
  ...[0, 1].flatMap((TRANS_B) =>
    heights
      .filter(([ROWS]) => ROWS >= 4)
      .map(([ROWS, least]) =>
        broadcast(
          'matmul',
          'matmulBroadcastVectors',
          { ROWS, LANES, TRANS_B },
          (params) => (params['m'] ?? 0) >= least && params['transB'] === TRANS_B && isWhole(params),
        ),
      ),
  ),
  ...tall.map(([ROWS, least]) =>
    broadcast('matmul', 'matmulBroadcast', { ROWS, COLUMNS: 1, LANES }, ({ m = 0 }) => m >= least),
  ),
  ...[0, 1].flatMap((TRANS_B) =>
    heights.map(([ROWS, least]) =>
      broadcast(
        'matmulFourBit',
        'matmulFourBitBroadcast',
        { ROWS, COLUMNS: 4, LANES, TRANS_B },
        (params) => (params['m'] ?? 0) >= least && params['transB'] === TRANS_B && isEven(params),
      ),
    ),
  ),
  ...attentionBroadcasts,
]

/**
 * Programs to prefer to a kernel's twin on an adapter, the best first. Which one does a call depends on nothing but its
 * parameters, so that the same call gives the same bits in every run.
 */
export function variantsFor({ subgroupLanes }: AdapterTraits): readonly Variant[] {
  return [...(subgroupLanes >= lanesNeeded ? forSubgroups : []), ...attentionTiles]
}
