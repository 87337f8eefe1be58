import { added, perElement } from './cut.ts'
import { perCount, perTable } from './kernel-call.ts'
import { byFour, fold, kernel, LANES, lanes, wide } from './kernel-row.ts'

/** The register's rows for sums. */
export const sumKernels = {
  /** out[c] = (accumulate ? out[c] : 0) + Σ over rows of x[row,c]. */
  sumRows: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { rows: 'u32', dim: 'u32', accumulate: 'u32' },
    items: (p) => Math.ceil(p.dim / 4),
    constants: lanes,
    groups: (p) => fold(p.dim / LANES),
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim }), from: added }],
    calls: ({ normals }) =>
      perTable((rows, dim) => ({
        reads: { x: normals(rows * dim) },
        writes: { out: normals(dim) },
        params: { rows, dim, accumulate: rows % 2 },
      })),
  }),
  /** out[0] = (accumulate ? out[0] : 0) + alpha · Σ x. */
  sum: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', accumulate: 'u32', alpha: 'f32' },
    varies: true,
    items: () => 1,
    constants: wide,
    groups: () => [1, 1, 1],
    cuts: [{ along: 'count', windows: () => ({ x: 4 }), from: added }],
    calls: ({ normals, positives }) =>
      perCount((count) => ({
        reads: { x: positives(count) },
        writes: { out: normals(1) },
        params: { count, accumulate: count % 2, alpha: 0.5 },
      })),
  }),
  /** out[slot + s] = Σ x² over the s-th `share` elements, a multiple of 4. */
  sumSquares: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', share: 'u32', slot: 'u32' },
    items: (p) => Math.ceil(p.count / p.share),
    constants: lanes,
    groups: (p) => fold(p.count / p.share),
    cuts: [
      {
        along: 'count',
        step: ({ share }) => share,
        windows: () => ({ x: 4 }),
        from: (begin, { share, slot }) => ({ slot: slot + begin / share }),
      },
    ],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count) },
        writes: { out: normals(3 + Math.ceil(count / 64)) },
        params: { count, share: 64, slot: 2 },
      })),
  }),
  /** out[0] = sqrt(Σ x²). */
  frobeniusNorm: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32' },
    items: () => 1,
    constants: wide,
    groups: () => [1, 1, 1],
    calls: ({ normals }) =>
      perCount((count) => ({ reads: { x: normals(count) }, writes: { out: normals(1) }, params: { count } })),
  }),
  /** out = dOut[0] · x / norm[0]; 0 where norm is 0. */
  frobeniusNormBackward: kernel({
    reads: ['dOut', 'x', 'norm'],
    writes: ['out'],
    params: { count: 'u32' },
    ...byFour,
    cuts: [perElement('x', 'out')],
    calls: ({ normals, positives }) =>
      perCount((count) => ({
        reads: { dOut: normals(1), x: normals(count), norm: positives(1) },
        writes: { out: normals(count) },
        params: { count },
      })),
  }),
  /** out[o,i] = Σ over the axis of x[o,axis,i]. */
  sumAxis: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { outer: 'u32', axis: 'u32', inner: 'u32' },
    items: (p) => Math.ceil((p.outer * p.inner) / 4),
    constants: lanes,
    groups: (p) => fold(p.inner === 1 ? p.outer : (p.outer * p.inner) / LANES),
    cuts: [{ along: 'outer', windows: ({ axis, inner }) => ({ x: 4 * axis * inner, out: 4 * inner }) }],
    calls: ({ normals }) =>
      perTable((outer, axis) =>
        [1, 7].map((inner) => ({
          reads: { x: normals(outer * axis * inner) },
          writes: { out: normals(outer * inner) },
          params: { outer, axis, inner },
        })),
      ).flat(),
  }),
} as const
