import { isFormat, isInBlocks, storedFormats as formats } from './stored-formats.ts'
import type { KernelName } from '../../register/kernels.ts'
import type { WgslText } from './texts.ts'
import type { AdapterTraits, Variant } from './variant.ts'
import type { Params } from '../../register/param-type.ts'

type Constants = Readonly<Record<string, number>>

/** Two programs of one text, for x · Wᵀ and for dY · W. */
const bothWays = [1, 0] as const

const sizesOf = ({ m = 0, n = 0, k = 0, pitchA = 0, pitchOut = 0, blockSize = 4 }: Params) => ({
  m,
  n,
  k,
  pitchA,
  pitchOut,
  blockSize,
})

/**
 * Whether a product is x · Wᵀ (transB 1) or dY · W (0), with a as it lies, or transposed as for a weight's gradient.
 */
const isWay = (transB: number, params: Params, transA = 0) =>
  params['transB'] === transB && (params['transA'] ?? 0) === transA

/** Whether a row of a, and of b as it lies, is whole vectors of four. */
function isInFours(params: Params): boolean {
  const { m, n, k, pitchA, blockSize } = sizesOf(params)
  const ofA = params['transA'] === 1 ? m : k
  const ofB = params['transB'] === 1 ? k : n
  return [ofA, ofB, k, pitchA, blockSize].every((length) => length % 4 === 0)
}

function variant(
  kernel: KernelName,
  text: WgslText,
  constants: Constants,
  tile: { readonly rows: number; readonly columns: number; readonly rowsFirst?: boolean },
  takes: (params: Params) => boolean,
  suits?: (params: Params) => boolean,
): Variant {
  const groups = ({ m = 0, n = 0 }: Params) => {
    const [down, across] = [Math.ceil(m / tile.rows), Math.ceil(n / tile.columns)]
    return tile.rowsFirst === true ? ([down, across, 1] as const) : ([across, down, 1] as const)
  }
  return { kernel, text, constants, takes, ...(suits && { suits }), groups }
}

// ── tiles in workgroup memory ────────────────────────────────────────────────────────────────────────────────────

/** Sides of a workgroup, and elements that each invocation makes; what is best hangs on the adapter. */
const tiles = [
  { SIDE: 16, DEPTH: 2, ROWS: 8, COLUMNS: 8 },
  { SIDE: 16, DEPTH: 2, ROWS: 8, COLUMNS: 4 },
  { SIDE: 16, DEPTH: 4, ROWS: 4, COLUMNS: 4 },
  { SIDE: 8, DEPTH: 4, ROWS: 8, COLUMNS: 8 },
  { SIDE: 8, DEPTH: 4, ROWS: 8, COLUMNS: 4 },
  { SIDE: 8, DEPTH: 4, ROWS: 4, COLUMNS: 4 },
] as const

/** Fewer workgroups than this leave an adapter idle; a smaller tile makes more of them. */
const enoughGroups = 64

const inTiles: readonly Variant[] = tiles.flatMap((tile, i) => {
  const size = { rows: tile.SIDE * tile.ROWS, columns: tile.SIDE * tile.COLUMNS }
  const fills = ({ m = 0, n = 0 }: Params) =>
    i === tiles.length - 1 || Math.ceil(m / size.rows) * Math.ceil(n / size.columns) >= enoughGroups
  const dense = (
    [
      [0, 1],
      [0, 0],
      [1, 0],
    ] as const
  ).map(([TRANS_A, TRANS_B]) => {
    const takes = (params: Params) => isWay(TRANS_B, params, TRANS_A) && isInFours(params)
    return variant('matmul', 'matmulTile', { ...tile, TRANS_A, TRANS_B }, size, takes, fills)
  })
  const stored = bothWays.flatMap((TRANS_B) =>
    formats.map((format) => {
      const takes = (params: Params) => isWay(TRANS_B, params) && isFormat(format, params) && isInFours(params)
      return variant('matmulStored', 'matmulStoredTile', { ...tile, TRANS_B, ...format }, size, takes, fills)
    }),
  )
  return [...dense, ...stored]
})

// ── few rows or columns, cut along k ─────────────────────────────────────────────────────────────────────────────

/** Products that tiles would leave most of an adapter idle with, and whose k is worth sharing out. */
const isThin = ({ m = 0, n = 0, k = 0 }: Params) => k >= 256 && (m <= 8 || n <= 32)

const splits: readonly Variant[] = [1, 4].flatMap((ROWS) =>
  bothWays.flatMap((TRANS_B) => {
    const size = { rows: ROWS, columns: TRANS_B === 1 ? 4 : 32 }
    const fits = (params: Params) =>
      isWay(TRANS_B, params) && isInFours(params) && isThin(params) && (ROWS > 1 || params['m'] === 1)
    const constants = { LANES: 64, ROWS, TRANS_B }
    return [
      variant('matmul', 'matmulSplit', constants, size, fits),
      ...formats.map((format) =>
        variant('matmulStored', 'matmulStoredSplit', { ...constants, ...format }, size, (params) => {
          return isFormat(format, params) && fits(params)
        }),
      ),
    ]
  }),
)

// ── subgroup matrices ────────────────────────────────────────────────────────────────────────────────────────────

const matrixTile = { rows: 32, columns: 64 }
const isWorthMatrices = ({ m = 0, n = 0 }: Params) => m >= 16 && n >= 32

const matrices: readonly Variant[] = [
  variant('matmul', 'matmulSubgroupMatrix', {}, matrixTile, isWorthMatrices),
  ...bothWays.flatMap((TRANS_B) =>
    formats.map((format) =>
      variant('matmulStored', 'matmulStoredSubgroupMatrix', { TRANS_B, ...format }, matrixTile, (params) => {
        return isWay(TRANS_B, params) && isFormat(format, params) && isInFours(params) && isWorthMatrices(params)
      }),
    ),
  ),
]

// ── registers and broadcasts within subgroups ────────────────────────────────────────────────────────────────────

/** Lanes of a subgroup that the texts count on, and of a workgroup on a CPU, where a wider one gains nothing. */
const EIGHT = 8

/**
 * Rows of tiles, and the fewest rows of a product that fill them well enough; the first that fits is taken. Sizes are
 * what llvmpipe is fastest with: beyond them, tiles no longer stay in registers.
 */
const heights = [
  [16, 9],
  [8, 5],
  [4, 3],
  [2, 2],
  [1, 1],
] as const

/** Whether all loads of four elements are whole, of out too, and a row of out has work for every lane of eight. */
const isWhole = (params: Params) => {
  const { n, pitchOut } = sizesOf(params)
  return isInFours(params) && n % 4 === 0 && pitchOut % 4 === 0 && n >= 4 * EIGHT
}

/** Whether the words of W of 4 bits, and blocks that are no rows, come out even for what the text does with them. */
const isEven = (params: Params) => {
  const { n, k, blockSize } = sizesOf(params)
  const isRow = blockSize === (params['transB'] === 1 ? k : n)
  if (params['bits'] === 16 || (params['bits'] === 8 && isRow)) return true
  // Words hold eight codes, and lanes that share scales have 32 columns.
  if (isInBlocks(params)) return (params['transB'] === 1 ? k % 8 : n % (4 * EIGHT)) === 0
  return params['transB'] === 1
    ? k % blockSize === 0 && blockSize % 8 === 0
    : n % blockSize === 0 && blockSize % (4 * EIGHT) === 0
}

/** @param LANES Of a workgroup, a multiple of eight. */
const inVectors = (LANES: number): readonly Variant[] => [
  ...bothWays.flatMap((TRANS_B) =>
    heights.map(([ROWS, least]) => {
      const size = { rows: ROWS, columns: 4 * LANES, rowsFirst: true }
      return variant('matmul', 'matmulBroadcastVectors', { ROWS, LANES, TRANS_B }, size, (params) => {
        return (params['m'] ?? 0) >= least && isWay(TRANS_B, params) && isWhole(params)
      })
    }),
  ),
  ...([16, 8] as const).map((COLUMNS) => {
    const size = { rows: 4 * LANES, columns: COLUMNS, rowsFirst: true }
    return variant('matmul', 'matmulBroadcastColumns', { COLUMNS, LANES }, size, (params) => {
      const { m, n, pitchA, pitchOut } = sizesOf(params)
      const areWhole = [m, n, pitchA, pitchOut].every((length) => length % 4 === 0)
      return isWay(0, params, 1) && areWhole && m >= 4 * EIGHT && n > COLUMNS - 8
    })
  }),
  ...bothWays.flatMap((TRANS_B) =>
    formats.flatMap((format) =>
      heights.map(([ROWS, least]) => {
        const size = { rows: ROWS, columns: 4 * LANES, rowsFirst: true }
        return variant('matmulStored', 'matmulStoredBroadcast', { ROWS, LANES, TRANS_B, ...format }, size, (params) => {
          const isOwn = isFormat(format, params) && isWay(TRANS_B, params)
          return isOwn && (params['m'] ?? 0) >= least && isWhole(params) && isEven(params)
        })
      }),
    ),
  ),
]

/** For all that is in no fours: on a CPU it is still faster than workgroup memory. */
const oneByOne: readonly Variant[] = heights.map(([ROWS, least]) => {
  const size = { rows: ROWS, columns: EIGHT }
  const constants = { ROWS, COLUMNS: 1, LANES: EIGHT }
  return variant('matmul', 'matmulBroadcast', constants, size, ({ m = 0 }) => m >= least)
})

const onSoftware = [...inVectors(EIGHT), ...oneByOne]
const onHardware = inVectors(64)

/** Programs of matrix products for an adapter, the best guess first; all but the kernels' twins. */
export function matmulVariants({ isSoftware, subgroupLanes, hasMatrices }: AdapterTraits): readonly Variant[] {
  const canBroadcast = subgroupLanes >= EIGHT
  if (isSoftware) return canBroadcast ? onSoftware : []
  return [...(hasMatrices ? matrices : []), ...splits, ...inTiles, ...(canBroadcast ? onHardware : [])]
}
