import type { Cut, CutWindow } from './kernel-row.ts'

/** The cut of a kernel that goes through f32 vectors of `count` elements. */
export function cutElements<N extends string>(...names: readonly N[]): readonly [Cut<N, { readonly count: 'u32' }>] {
  const windows = Object.fromEntries(names.map((name) => [name, 4])) as Record<N, number>
  return [{ along: 'count', windows: () => windows }]
}

/** What changes along an axis that is summed over: all pieces but the first add to what is there. */
export function added(begin: number): { readonly accumulate?: number } {
  return begin > 0 ? { accumulate: 1 } : {}
}

/** The same for products, whose bias is added once. */
function addedWithoutBias(begin: number): { readonly accumulate?: number; readonly hasBias?: number } {
  return begin > 0 ? { accumulate: 1, hasBias: 0 } : {}
}

/** Columns of `rows` rows that lie `pitch` elements apart: a piece's window reaches from its first column in the first row to the last. */
function columns(rows: number, pitch: number): CutWindow {
  return { bytes: 4, beyond: 4 * (rows - 1) * pitch }
}

type ProductParams = Readonly<
  Record<'m' | 'n' | 'k' | 'pitchA' | 'pitchOut' | 'transB' | 'hasBias' | 'accumulate', 'u32'>
>

/** Rows of a and of out. */
const productRows: Cut<'a' | 'out', ProductParams> = {
  along: 'm',
  windows: ({ pitchA, pitchOut }) => ({ a: 4 * pitchA, out: 4 * pitchOut }),
}

/** The cuts of `matmul`: rows of out; columns of out where they are rows of b; terms of the sums where those are rows of b. */
export const productCuts: readonly Cut<'a' | 'b' | 'bias' | 'out', ProductParams & { readonly transA: 'u32' }>[] = [
  {
    along: 'm',
    windows: ({ transA, k, pitchA, pitchOut }) => ({
      a: transA === 1 ? columns(k, pitchA) : 4 * pitchA,
      out: 4 * pitchOut,
    }),
  },
  {
    along: 'n',
    windows: ({ transB, m, k, pitchOut }) => (transB === 1 ? { b: 4 * k, bias: 4, out: columns(m, pitchOut) } : null),
  },
  {
    along: 'k',
    windows: ({ transA, transB, m, n, pitchA }) =>
      transB === 1 ? null : { a: transA === 1 ? 4 * pitchA : columns(m, pitchA), b: 4 * n },
    from: addedWithoutBias,
  },
]

type StorageParams = Readonly<Record<'bits' | 'blockSize' | 'isNested' | 'nestedCount', 'u32'>>
type StorageValues = { readonly [name in keyof StorageParams]: number }

const nestedBlock = 256

/** Windows of a stored matrix along an axis whose unit is `elements` of it. The last of nested is read by every piece. */
function storedWindows(elements: number, { bits, blockSize, isNested }: StorageValues) {
  return {
    codes: { bytes: elements * bits, per: 8 },
    absmax: { bytes: (isNested === 1 ? 1 : 4) * elements, per: blockSize },
    nested: { bytes: 4 * elements, per: nestedBlock * blockSize, beyond: Infinity },
  }
}

/** Where the last of nested lies in the window that begins `elements` elements on. */
function nestedFrom(elements: number, { blockSize, isNested, nestedCount }: StorageValues) {
  return isNested === 1 ? { nestedCount: nestedCount - elements / (nestedBlock * blockSize) } : {}
}

/** Elements of a stored matrix. */
export const storedCut: Cut<'codes' | 'absmax' | 'nested' | 'out', StorageParams & { readonly count: 'u32' }> = {
  along: 'count',
  step: ({ blockSize }) => blockSize,
  windows: (params) => ({ ...storedWindows(1, params), out: 4 }),
  from: (begin, params) => nestedFrom(begin, params),
}

/** The cuts of a product with a stored matrix: as `productCuts`. */
export const storedProductCuts: readonly Cut<
  'a' | 'codes' | 'absmax' | 'nested' | 'bias' | 'out',
  ProductParams & StorageParams
>[] = [
  productRows,
  {
    along: 'n',
    windows: (p) => (p.transB === 1 ? { ...storedWindows(p.k, p), bias: 4, out: columns(p.m, p.pitchOut) } : null),
    from: (begin, params) => nestedFrom(begin * params.k, params),
  },
  {
    along: 'k',
    windows: (p) => (p.transB === 1 ? null : { ...storedWindows(p.n, p), a: columns(p.m, p.pitchA) }),
    from: (begin, params) => ({ ...addedWithoutBias(begin), ...nestedFrom(begin * params.n, params) }),
  },
]
