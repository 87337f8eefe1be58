import { perElement } from './cut.ts'
import { perCount } from './kernel-call.ts'
import { momentMaps } from '../../quant/dynamic-map.ts'
import { byFour, fold, kernel, lanes } from './kernel-row.ts'

/** Codes that are all there. */
const codes = (count: number, stride: number) => Uint8Array.from({ length: count }, (_, i) => i * stride)

/** The register's rows for optimizers. */
export const optimKernels = {
  /**
   * clip[0] = min(1, maxNorm / (norm + 1e-6)), clip[1] = norm, of `count` sums of squares; maxNorm 0 clips nothing, a
   * norm that is not finite gives 0.
   */
  clipFactor: kernel({
    reads: ['squares'],
    writes: ['clip'],
    params: { count: 'u32', maxNorm: 'f32' },
    items: () => 1,
    constants: lanes,
    groups: () => [1, 1, 1],
    calls: ({ normals, positives }) =>
      [0, 0.7, 100].map((maxNorm) => ({
        reads: { squares: positives(7) },
        writes: { clip: normals(2) },
        params: { count: 7, maxNorm },
      })),
  }),
  /**
   * torch.optim.AdamW on g = clip[0] · grad, nothing where clip[0] is 0; the factors that depend on the step are the
   * host's, in double precision.
   */
  adamw: kernel({
    reads: ['grad', 'clip'],
    writes: ['param', 'm', 'v'],
    params: {
      count: 'u32',
      keep: 'f32',
      beta1: 'f32',
      gain1: 'f32',
      beta2: 'f32',
      gain2: 'f32',
      step: 'f32',
      root2: 'f32',
      eps: 'f32',
    },
    varies: true,
    ...byFour,
    cuts: [perElement('grad', 'param', 'm', 'v')],
    calls: ({ normals, positives }) =>
      perCount((count) => ({
        reads: { grad: normals(count), clip: Float32Array.of(0.5, 2) },
        writes: { param: normals(count), m: normals(count), v: positives(count) },
        params: {
          ...{ count, keep: 0.999, beta1: 0.9, gain1: 0.1, beta2: 0.999, gain2: 0.001 },
          ...{ step: 0.037, root2: 0.055, eps: 1e-8 },
        },
      })),
  }),
  /**
   * The same with m and v as u8 codes of the dynamic maps, f32[256] for m and then f32[256] for v; scales are f32[2]
   * for each block of 256 elements, of m and of v.
   */
  adamw8bit: kernel({
    reads: ['grad', 'clip', 'maps'],
    writes: ['param', 'm', 'v', 'scales'],
    params: {
      count: 'u32',
      keep: 'f32',
      beta1: 'f32',
      gain1: 'f32',
      beta2: 'f32',
      gain2: 'f32',
      step: 'f32',
      root2: 'f32',
      eps: 'f32',
    },
    varies: true,
    items: (p) => Math.ceil(p.count / 256),
    constants: lanes,
    groups: (p) => fold(p.count / 256),
    cuts: [
      {
        along: 'count',
        step: () => 256,
        windows: () => ({ grad: 4, param: 4, m: 1, v: 1, scales: { bytes: 8, per: 256 } }),
      },
    ],
    calls: ({ normals, positives }) =>
      [3, 256, 1000, 70_000].map((count) => ({
        reads: { grad: normals(count), clip: Float32Array.of(0.5, 2), maps: momentMaps() },
        writes: {
          ...{ param: normals(count), m: codes(count, 37), v: codes(count, 91) },
          scales: positives(2 * Math.ceil(count / 256)),
        },
        params: {
          ...{ count, keep: 0.999, beta1: 0.9, gain1: 0.1, beta2: 0.999, gain2: 0.001 },
          ...{ step: 0.037, root2: 0.055, eps: 1e-8 },
        },
        codeSteps: 1,
      })),
  }),
  /** Lion on g = clip[0] · grad, nothing where clip[0] is 0; keep and step are 1 - lr · decay and lr. */
  lion: kernel({
    reads: ['grad', 'clip'],
    writes: ['param', 'm'],
    params: { count: 'u32', keep: 'f32', beta1: 'f32', gain1: 'f32', beta2: 'f32', gain2: 'f32', step: 'f32' },
    varies: true,
    ...byFour,
    cuts: [perElement('grad', 'param', 'm')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { grad: normals(count), clip: Float32Array.of(0.5, 2) },
        writes: { param: normals(count), m: normals(count) },
        params: { count, keep: 0.999, beta1: 0.9, gain1: 0.1, beta2: 0.99, gain2: 0.01, step: 0.037 },
      })),
  }),
  /** param = keep · param - step · clip[0] · grad, nothing where clip[0] is 0. */
  sgd: kernel({
    reads: ['grad', 'clip'],
    writes: ['param'],
    params: { count: 'u32', keep: 'f32', step: 'f32' },
    varies: true,
    ...byFour,
    cuts: [perElement('grad', 'param')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { grad: normals(count), clip: Float32Array.of(0.5, 2) },
        writes: { param: normals(count) },
        params: { count, keep: 0.999, step: 0.037 },
      })),
  }),
  /**
   * On g = clip[0] · grad + decay · param: m = beta m + gain g, out = now · g + past · m; where clip[0] is 0 m stays
   * and out is 0.
   */
  momentum: kernel({
    reads: ['grad', 'clip', 'param'],
    writes: ['m', 'out'],
    params: { count: 'u32', decay: 'f32', beta: 'f32', gain: 'f32', now: 'f32', past: 'f32' },
    varies: true,
    ...byFour,
    cuts: [perElement('grad', 'param', 'm', 'out')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { grad: normals(count), clip: Float32Array.of(0.5, 2), param: normals(count) },
        writes: { m: normals(count), out: normals(count) },
        params: { count, decay: 0.01, beta: 0.9, gain: 0.8, now: 1, past: 0.9 },
      })),
  }),
  /** AdaLoRA's importance |param · clip[0] · grad| and its uncertainty, smoothed; nothing where clip[0] is 0. */
  sensitivity: kernel({
    reads: ['param', 'grad', 'clip'],
    writes: ['average', 'uncertainty'],
    params: { count: 'u32', beta1: 'f32', gain1: 'f32', beta2: 'f32', gain2: 'f32' },
    ...byFour,
    cuts: [perElement('param', 'grad', 'average', 'uncertainty')],
    calls: ({ normals, positives }) =>
      perCount((count) => ({
        reads: { param: normals(count), grad: normals(count), clip: Float32Array.of(0.5, 2) },
        writes: { average: positives(count), uncertainty: positives(count) },
        params: { count, beta1: 0.85, gain1: 0.15, beta2: 0.7, gain2: 0.3 },
      })),
  }),
} as const
