import { added } from './cut.ts'
import { kernel } from './kernel-row.ts'
import { nestedFrom, storedWindows } from './stored-cuts.ts'
import { storedFormats, storedMatrix } from './stored-matrix.ts'

/** Matrix products: SIDE × SIDE invocations of 4 × 4 elements each; k goes by in steps of 4 · DEPTH. */
const tile = { SIDE: 8, DEPTH: 4 }
const tiled = {
  items: (p: { readonly n: number }) => Math.ceil(p.n / 8),
  constants: tile,
  groups: (p: { readonly m: number; readonly n: number }) =>
    [Math.ceil(p.n / (4 * tile.SIDE)), Math.ceil(p.m / (4 * tile.SIDE)), 1] as const,
}

/** Thin products, as LoRA's: of at most so many columns and at least so many rows, which are then shared out. */
const thin = { columns: 32, rows: 64 }

/** What changes along k: the bias is added once. */
const addedWithoutBias = (begin: number) => (begin > 0 ? { ...added(begin), hasBias: 0 } : {})

/**
 * Terms of a sum that a program may round one after another. A head's gradient is a sum over the vocabulary: of 49,152
 * terms in one go SmolLM2's was 2.7e-5 off, in pieces of 4096 1.4e-6 (root mean square, as a share).
 */
const longestSum = 4096

/**
 * Columns of `rows` rows that lie `pitch` elements apart: a piece's window reaches from its first in the first row to
 * its last in the last.
 */
const columns = (rows: number, pitch: number) => ({ bytes: 4, beyond: 4 * (rows - 1) * pitch })

/** m, n and k: one row, few rows, whole and ragged tiles of every size there is. */
const products = [
  [1, 13, 70],
  [1, 64, 256],
  [3, 40, 256],
  [5, 33, 9],
  [17, 64, 64],
  [40, 132, 260],
  [150, 16, 70],
] as const
const ways = [
  { transA: 0, transB: 0 },
  { transA: 0, transB: 1 },
  { transA: 1, transB: 0 },
  { transA: 1, transB: 1 },
] as const

/** The register's rows for matrix products. */
export const matmulKernels = {
  /**
   * out[m,n] = (accumulate ? out : 0) + alpha · op(a) · op(b) + bias; transA: a is [k,m]; transB: b is [n,k]. pitchA,
   * pitchOut: elements from a row of a, of out, to the next; more than a row holds where it is a window of columns.
   */
  matmul: kernel({
    reads: ['a', 'b', 'bias'],
    writes: ['out'],
    params: {
      m: 'u32',
      n: 'u32',
      k: 'u32',
      pitchA: 'u32',
      pitchOut: 'u32',
      transA: 'u32',
      transB: 'u32',
      hasBias: 'u32',
      accumulate: 'u32',
      alpha: 'f32',
    },
    ...tiled,
    items: ({ m, n }) => (n <= thin.columns && m >= thin.rows ? Math.ceil(m / thin.rows) : tiled.items({ n })),
    // Rows of out; columns of out where they are rows of b; terms of the sums where those are rows of b.
    cuts: [
      {
        along: 'm',
        windows: (p) => ({ a: p.transA === 1 ? columns(p.k, p.pitchA) : 4 * p.pitchA, out: 4 * p.pitchOut }),
      },
      {
        along: 'n',
        windows: (p) => (p.transB === 1 ? { b: 4 * p.k, bias: 4, out: columns(p.m, p.pitchOut) } : null),
      },
      {
        along: 'k',
        windows: (p) =>
          p.transB === 1 ? null : { a: p.transA === 1 ? 4 * p.pitchA : columns(p.m, p.pitchA), b: 4 * p.n },
        most: longestSum,
        from: addedWithoutBias,
      },
    ],
    calls: ({ normals }) =>
      products.flatMap(([m, n, k], i) =>
        ways.map(({ transA, transB }) => ({
          reads: { a: normals(m * k), b: normals(k * n), bias: i % 2 === 0 ? normals(n) : null },
          writes: { out: normals(m * n) },
          params: {
            ...{ m, n, k, pitchA: transA ? m : k, pitchOut: n, transA, transB },
            ...{ hasBias: (i + 1) % 2, accumulate: transB, alpha: -0.75 },
          },
        })),
      ),
  }),
  /**
   * The same with b as it is stored, decoded on the way. transB: b is [n,k] (x · Wᵀ), else [k,n] (dY · W). bits 4:
   * tables f32[16 + 256], the code and the dynamic map; absmax u8 codes if nested, else f32; nested f32 per 256 blocks,
   * and the offset as its last element. bits 8: absmax f32 per block, which may be a row of b. bits 16: f16, or bf16
   * with isBf16, and all three null; blockSize is the length of a row of b.
   */
  matmulStored: kernel({
    reads: ['a', 'codes', 'absmax', 'nested', 'tables', 'bias'],
    writes: ['out'],
    params: {
      m: 'u32',
      n: 'u32',
      k: 'u32',
      pitchA: 'u32',
      pitchOut: 'u32',
      transB: 'u32',
      bits: 'u32',
      isBf16: 'u32',
      blockSize: 'u32',
      scaling: 'u32',
      nestedCount: 'u32',
      hasBias: 'u32',
      accumulate: 'u32',
      alpha: 'f32',
    },
    ...tiled,
    cuts: [
      { along: 'm', windows: (p) => ({ a: 4 * p.pitchA, out: 4 * p.pitchOut }) },
      {
        along: 'n',
        windows: (p) => (p.transB === 1 ? { ...storedWindows(p.k, p), bias: 4, out: columns(p.m, p.pitchOut) } : null),
        from: (begin, p) => nestedFrom(begin * p.k, p),
      },
      {
        along: 'k',
        windows: (p) => (p.transB === 1 ? null : { ...storedWindows(p.n, p), a: columns(p.m, p.pitchA) }),
        most: longestSum,
        from: (begin, p) => ({ ...addedWithoutBias(begin), ...nestedFrom(begin * p.n, p) }),
      },
    ],
    calls: ({ normals }) =>
      products.flatMap(([m, n, k], i) =>
        storedFormats.flatMap((format) =>
          [0, 1].map((transB) => {
            const b = storedMatrix(normals(n * k), transB === 1 ? k : n, format)
            return {
              reads: { a: normals(m * k), ...b.reads, bias: i % 2 === 0 ? normals(n) : null },
              writes: { out: normals(m * n) },
              params: {
                ...{ m, n, k, pitchA: k, pitchOut: n, transB, ...b.params },
                ...{ hasBias: (i + 1) % 2, accumulate: transB, alpha: -0.75 },
              },
            }
          }),
        ),
      ),
  }),
} as const
