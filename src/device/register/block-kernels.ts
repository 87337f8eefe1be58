import { perTable } from './kernel-call.ts'
import { fold, kernel, lanes } from './kernel-row.ts'

/** Side of the tiles in a workgroup: 4 · SIDE each way. */
const SIDE = 8

/** m, n and k: ragged tiles, whole ones, and matrices of a row. */
const products = [
  [5, 7, 3],
  [32, 32, 40],
  [33, 36, 17],
  [1, 9, 12],
  [16, 16, 16],
] as const

/** How many matrices, and their side: few, and enough for a call to be cut between them. */
const skewSizes = [
  [3, 2],
  [3, 5],
  [3, 12],
  [200, 2],
] as const

/** Elements above the diagonal of a matrix [n,n]. */
const above = (n: number) => (n * (n - 1)) / 2

/** The register's rows for many small matrices, one behind the other. */
export const blockKernels = {
  /** out[i] = alpha · op(a[i]) · op(b[i]) for each of count; transA: a is [k,m]; transB: b is [n,k]. */
  matmulBatch: kernel({
    reads: ['a', 'b'],
    writes: ['out'],
    params: {
      count: 'u32',
      m: 'u32',
      n: 'u32',
      k: 'u32',
      transA: 'u32',
      transB: 'u32',
      alpha: 'f32',
    },
    items: (p) => p.count * Math.ceil(p.n / 8),
    constants: { SIDE },
    groups: (p) => [Math.ceil(p.n / (4 * SIDE)), Math.ceil(p.m / (4 * SIDE)), p.count],
    cuts: [{ along: 'count', windows: ({ m, n, k }) => ({ a: 4 * m * k, b: 4 * k * n, out: 4 * m * n }) }],
    calls: ({ normals }) =>
      products.flatMap(([m, n, k]) =>
        [0, 1, 2, 3].map((way) => ({
          reads: { a: normals(3 * m * k), b: normals(3 * k * n) },
          writes: { out: normals(3 * m * n) },
          params: { count: 3, m, n, k, transA: way & 1, transB: way >> 1, alpha: -0.75 },
        })),
      ),
  }),
  /**
   * x[i] = 1 / x[i] for each of count matrices [n,n], by elimination without exchanges: its steps first to last of n.
   */
  invert: kernel({
    reads: [],
    writes: ['x'],
    params: { count: 'u32', n: 'u32', first: 'u32', last: 'u32' },
    items: (p) => p.count,
    constants: lanes,
    groups: (p) => fold(p.count),
    cuts: [{ along: 'count', windows: ({ n }) => ({ x: 4 * n * n }) }],
    calls: ({ normals }) =>
      [1, 6, 16, 19].map((n) => ({
        reads: {},
        // The diagonal outweighs the rest.
        writes: { x: normals(3 * n * n).map((value, e) => value / n + (Math.floor(e / n) % n === e % n ? 2 : 0)) },
        params: { count: 3, n, first: Math.floor(n / 4), last: n },
      })),
  }),
  /** out[i] [n,n]: scale · v[i] above the diagonal, row by row, the same negated below, `diagonal` on it. */
  skewSymmetric: kernel({
    reads: ['v'],
    writes: ['out'],
    params: { count: 'u32', n: 'u32', scale: 'f32', diagonal: 'f32' },
    items: (p) => p.count,
    constants: lanes,
    groups: (p) => fold((p.count * p.n * p.n) / lanes.LANES),
    cuts: [{ along: 'count', windows: ({ n }) => ({ v: 4 * above(n), out: 4 * n * n }) }],
    calls: ({ normals }) =>
      skewSizes.map(([count, n]) => ({
        reads: { v: normals(count * above(n)) },
        writes: { out: normals(count * n * n) },
        params: { count, n, scale: -0.5, diagonal: 1.5 },
      })),
  }),
  skewSymmetricBackward: kernel({
    reads: ['dOut'],
    writes: ['dV'],
    params: { count: 'u32', n: 'u32', scale: 'f32' },
    items: (p) => p.count,
    constants: lanes,
    groups: (p) => fold((p.count * p.n * p.n) / lanes.LANES),
    cuts: [{ along: 'count', windows: ({ n }) => ({ dOut: 4 * n * n, dV: 4 * above(n) }) }],
    calls: ({ normals }) =>
      skewSizes.map(([count, n]) => ({
        reads: { dOut: normals(count * n * n) },
        writes: { dV: normals(count * above(n)) },
        params: { count, n, scale: -0.5 },
      })),
  }),
  /** Each row of x whose norm is above `most` is scaled to that. */
  shrinkRows: kernel({
    reads: [],
    writes: ['x'],
    params: { rows: 'u32', dim: 'u32', most: 'f32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows),
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim }) }],
    calls: ({ normals }) =>
      perTable((rows, dim) => ({
        reads: {},
        writes: { x: normals(rows * dim) },
        params: { rows, dim, most: Math.sqrt(dim) },
      })),
  }),
} as const
