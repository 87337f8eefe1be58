import { added } from './cut.ts'
import { perTable } from './kernel-call.ts'
import { fold, kernel, LANES, lanes } from './kernel-row.ts'
import { nestedFrom, storedWindows } from './stored-cuts.ts'
import { anyFormat, anyMatrix } from './stored-matrix.ts'

/** Rows of a workgroup of updatedNorms, and of rescale. */
const ROWS = 4
const rescaledRows = 16

/** The register's rows for DoRA, which gives each row of a weight a length of its own. */
export const magnitudeKernels = {
  /**
   * norms[i] = ‖row i of W + alpha · b · a‖; W [rows,dim] in the terms of matmulStored, or f32 where bits is 32, with
   * the other three null; a f32 [r,dim], b f32 [rows,r].
   */
  updatedNorms: kernel({
    reads: ['codes', 'absmax', 'nested', 'tables', 'a', 'b'],
    writes: ['norms'],
    params: {
      rows: 'u32',
      dim: 'u32',
      r: 'u32',
      bits: 'u32',
      isBf16: 'u32',
      blockSize: 'u32',
      scaling: 'u32',
      nestedCount: 'u32',
      alpha: 'f32',
    },
    items: (p) => Math.ceil(p.rows / 4),
    constants: { ...lanes, ROWS },
    groups: (p) => fold(p.rows / ROWS),
    cuts: [
      {
        along: 'rows',
        windows: (p) => ({ ...storedWindows(p.dim, p), b: 4 * p.r, norms: 4 }),
        from: (begin, p) => nestedFrom(begin * p.dim, p),
      },
    ],
    calls: ({ normals }) =>
      anyFormat.flatMap((format) =>
        (
          [
            [3, 5, 2],
            [9, 64, 1],
            [18, 192, 16],
          ] as const
        ).map(([rows, dim, r]) => {
          const w = anyMatrix(normals(rows * dim), dim, format)
          return {
            reads: { ...w.reads, a: normals(r * dim), b: normals(rows * r) },
            writes: { norms: normals(rows) },
            params: { rows, dim, r, ...w.params, alpha: -0.75 },
          }
        }),
      ),
  }),
  /** out[row,c] = (x[row,c] - bias[c]) · magnitude[c] / norms[c] + bias[c]; the quotient is 0 where a norm is. */
  rescale: kernel({
    reads: ['x', 'magnitude', 'norms', 'bias'],
    writes: ['out'],
    params: { rows: 'u32', dim: 'u32', hasBias: 'u32' },
    items: (p) => Math.ceil(p.dim / 4),
    constants: { ...lanes, ROWS: rescaledRows },
    groups: (p) => [Math.ceil(p.dim / LANES), Math.ceil(p.rows / rescaledRows), 1],
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim, out: 4 * dim }) }],
    calls: ({ normals, positives }) =>
      perTable((rows, dim) => ({
        reads: {
          ...{ x: normals(rows * dim), magnitude: normals(dim) },
          ...{ norms: positives(dim).fill(0, 1, 2), bias: rows % 2 === 1 ? normals(dim) : null },
        },
        writes: { out: normals(rows * dim) },
        params: { rows, dim, hasBias: rows % 2 },
      })),
  }),
  /**
   * Of rescale: dX, and dMagnitude[c] = (accumulate ? itself : 0) + Σ dOut[row,c] · (x[row,c] - bias[c]) / norms[c].
   */
  rescaleBackward: kernel({
    reads: ['dOut', 'x', 'magnitude', 'norms', 'bias'],
    writes: ['dX', 'dMagnitude'],
    params: { rows: 'u32', dim: 'u32', hasBias: 'u32', accumulate: 'u32' },
    items: (p) => Math.ceil(p.dim / 4),
    constants: lanes,
    groups: (p) => fold(p.dim / LANES),
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ dOut: 4 * dim, x: 4 * dim, dX: 4 * dim }), from: added }],
    calls: ({ normals, positives }) =>
      perTable((rows, dim) => ({
        reads: {
          ...{ dOut: normals(rows * dim), x: normals(rows * dim), magnitude: normals(dim) },
          ...{ norms: positives(dim).fill(0, 1, 2), bias: rows % 2 === 1 ? normals(dim) : null },
        },
        writes: { dX: normals(rows * dim), dMagnitude: normals(dim) },
        params: { rows, dim, hasBias: rows % 2, accumulate: rows % 2 },
      })),
  }),
} as const
