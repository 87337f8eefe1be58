import { perTable } from './kernel-call.ts'
import { fold, kernel, wide } from './kernel-row.ts'

/** The register's rows for losses. */
export const lossKernels = {
  /**
   * losses[row] = log-sum-exp(logits[row]) - Σ wanted · logits[row], 0 where label < 0, with wanted =
   * (1 - smoothing) · onehot + smoothing / vocab; with writeGrad, logits become gradScale · (softmax - wanted).
   */
  crossEntropy: kernel({
    reads: ['labels'],
    writes: ['logits', 'losses'],
    params: { rows: 'u32', vocab: 'u32', writeGrad: 'u32', gradScale: 'f32', smoothing: 'f32' },
    varies: true,
    items: (p) => p.rows,
    constants: wide,
    groups: (p) => fold(p.rows),
    cuts: [{ along: 'rows', windows: ({ vocab }) => ({ labels: 4, logits: 4 * vocab, losses: 4 }) }],
    calls: ({ normals, ids }) =>
      perTable((rows, vocab) => ({
        reads: { labels: Int32Array.from(ids(rows, vocab), (label, row) => (row % 4 === 2 ? -100 : label)) },
        writes: { logits: normals(rows * vocab).map((x) => 3 * x), losses: normals(rows) },
        params: { rows, vocab, writeGrad: rows % 2, gradScale: 0.125, smoothing: rows % 3 === 0 ? 0.1 : 0 },
      })),
  }),
  /** hits[row] = 1 where logits[row,label] is the first of the largest ones of its row, else 0, as where label < 0. */
  labelHits: kernel({
    reads: ['labels', 'logits'],
    writes: ['hits'],
    params: { rows: 'u32', vocab: 'u32' },
    items: (p) => p.rows,
    constants: wide,
    groups: (p) => fold(p.rows),
    cuts: [{ along: 'rows', windows: ({ vocab }) => ({ labels: 4, logits: 4 * vocab, hits: 4 }) }],
    calls: ({ normals, ids }) =>
      perTable((rows, vocab) => ({
        reads: {
          labels: Int32Array.from(ids(rows, vocab), (label, row) => (row % 4 === 2 ? -100 : label)),
          logits: normals(rows * vocab),
        },
        writes: { hits: normals(rows) },
        params: { rows, vocab },
      })),
  }),
  /** out[row] = x[row] - log Σ exp(x[row]). */
  logSoftmax: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { rows: 'u32', dim: 'u32' },
    items: (p) => p.rows,
    constants: wide,
    groups: (p) => fold(p.rows),
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim, out: 4 * dim }) }],
    calls: ({ normals }) =>
      perTable((rows, dim) => ({
        reads: { x: normals(rows * dim).map((x) => 3 * x) },
        writes: { out: normals(rows * dim) },
        params: { rows, dim },
      })),
  }),
  /** dX[row] = dOut[row] - exp(out[row]) · Σ dOut[row]. */
  logSoftmaxBackward: kernel({
    reads: ['dOut', 'out'],
    writes: ['dX'],
    params: { rows: 'u32', dim: 'u32' },
    items: (p) => p.rows,
    constants: wide,
    groups: (p) => fold(p.rows),
    cuts: [{ along: 'rows', windows: ({ dim }) => ({ dOut: 4 * dim, out: 4 * dim, dX: 4 * dim }) }],
    calls: ({ normals, positives }) =>
      perTable((rows, dim) => ({
        reads: { dOut: normals(rows * dim), out: positives(rows * dim).map((x) => -1 - x) },
        writes: { dX: normals(rows * dim) },
        params: { rows, dim },
      })),
  }),
} as const
