import { added } from './cut.ts'
import { perTable } from './kernel-call.ts'
import { fold, kernel, LANES, lanes } from './kernel-row.ts'

const byRow = {
  items: (p: { readonly rows: number }) => p.rows,
  constants: lanes,
  groups: (p: { readonly rows: number }) => fold(p.rows),
}

const perNorm = <T>(make: (rows: number, dim: number, isRms: number) => T) =>
  [0, 1].flatMap((isRms) => perTable((rows, dim) => make(rows, dim, isRms)))

/** The register's rows for normalisation: layer norm and, with isRms, RMS norm. */
export const normKernels = {
  /**
   * stats: mean and 1/sqrt(variance + eps) of each row. With isRms nothing is taken off or added: the mean counts as 0,
   * and bias is null. `shift` is added to each weight.
   */
  layerNorm: kernel({
    reads: ['x', 'weight', 'bias'],
    writes: ['out', 'stats'],
    params: { rows: 'u32', dim: 'u32', isRms: 'u32', eps: 'f32', shift: 'f32' },
    ...byRow,
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim, out: 4 * dim, stats: 8 }) }],
    calls: ({ normals }) =>
      perNorm((rows, dim, isRms) => ({
        reads: { x: normals(rows * dim), weight: normals(dim), bias: isRms === 1 ? null : normals(dim) },
        writes: { out: normals(rows * dim), stats: normals(2 * rows) },
        params: { rows, dim, isRms, eps: 1e-5, shift: rows % 2 },
      })),
  }),
  /** y = x + r, and out and stats as layerNorm gives them of y. */
  addLayerNorm: kernel({
    reads: ['x', 'r', 'weight', 'bias'],
    writes: ['y', 'out', 'stats'],
    params: { rows: 'u32', dim: 'u32', isRms: 'u32', eps: 'f32', shift: 'f32' },
    ...byRow,
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim, r: 4 * dim, y: 4 * dim, out: 4 * dim, stats: 8 }) }],
    calls: ({ normals }) =>
      perNorm((rows, dim, isRms) => {
        const bias = isRms === 1 ? null : normals(dim)
        return {
          reads: { x: normals(rows * dim), r: normals(rows * dim), weight: normals(dim), bias },
          writes: { y: normals(rows * dim), out: normals(rows * dim), stats: normals(2 * rows) },
          params: { rows, dim, isRms, eps: 1e-5, shift: rows % 2 },
        }
      }),
  }),
  /** dX is added to where accumulate is 1. */
  layerNormBackward: kernel({
    reads: ['dOut', 'x', 'weight', 'stats'],
    writes: ['dX'],
    params: { rows: 'u32', dim: 'u32', isRms: 'u32', accumulate: 'u32', shift: 'f32' },
    ...byRow,
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ dOut: 4 * dim, x: 4 * dim, stats: 8, dX: 4 * dim }) }],
    calls: ({ normals, positives }) =>
      perNorm((rows, dim, isRms) => ({
        reads: { dOut: normals(rows * dim), x: normals(rows * dim), weight: normals(dim), stats: positives(2 * rows) },
        writes: { dX: normals(rows * dim) },
        params: { rows, dim, isRms, accumulate: rows % 2, shift: dim % 2 },
      })),
  }),
  layerNormParamsBackward: kernel({
    reads: ['dOut', 'x', 'stats'],
    writes: ['dWeight', 'dBias'],
    params: { rows: 'u32', dim: 'u32', accumulate: 'u32' },
    items: (p) => Math.ceil(p.dim / 4),
    constants: lanes,
    groups: (p) => fold(p.dim / LANES),
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ dOut: 4 * dim, x: 4 * dim, stats: 8 }), from: added }],
    calls: ({ normals, positives }) =>
      perTable((rows, dim) => ({
        reads: { dOut: normals(rows * dim), x: normals(rows * dim), stats: positives(2 * rows) },
        writes: { dWeight: normals(dim), dBias: normals(dim) },
        params: { rows, dim, accumulate: rows % 2 },
      })),
  }),
} as const
