import { fold, kernel, LANES, lanes } from './kernel-row.ts'

/** The register's rows for normalisation: layer norm and, with isRms, RMS norm. */
export const normKernels = {
  /**
   * stats: mean and 1/sqrt(variance + eps) of each row. With isRms nothing is taken off or added: the mean counts as 0, and bias
   * is null.
   */
  layerNorm: kernel({
    reads: ['x', 'weight', 'bias'],
    writes: ['out', 'stats'],
    params: { rows: 'u32', dim: 'u32', isRms: 'u32', eps: 'f32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows),
  }),
  /** y = x + r, and out and stats as layerNorm gives them of y. */
  addLayerNorm: kernel({
    reads: ['x', 'r', 'weight', 'bias'],
    writes: ['y', 'out', 'stats'],
    params: { rows: 'u32', dim: 'u32', isRms: 'u32', eps: 'f32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows),
  }),
  /** dX is added to where accumulate is 1. */
  layerNormBackward: kernel({
    reads: ['dOut', 'x', 'weight', 'stats'],
    writes: ['dX'],
    params: { rows: 'u32', dim: 'u32', isRms: 'u32', accumulate: 'u32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows),
  }),
  layerNormParamsBackward: kernel({
    reads: ['dOut', 'x', 'stats'],
    writes: ['dWeight', 'dBias'],
    params: { rows: 'u32', dim: 'u32', accumulate: 'u32' },
    items: (p) => Math.ceil(p.dim / 4),
    constants: lanes,
    groups: (p) => fold(p.dim / LANES),
  }),
} as const
