import { further, perElement } from './cut.ts'
import { perCount } from './kernel-call.ts'
import { byFour, kernel } from './kernel-row.ts'

/** The register's rows for what is done element by element. */
export const elementwiseKernels = {
  /** out = a + alpha · b. */
  add: kernel({
    reads: ['a', 'b'],
    writes: ['out'],
    params: { count: 'u32', alpha: 'f32' },
    ...byFour,
    cuts: [perElement('a', 'b', 'out')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { a: normals(count), b: normals(count) },
        writes: { out: normals(count) },
        params: { count, alpha: -0.3 },
      })),
  }),
  /** target += alpha · x. */
  accumulate: kernel({
    reads: ['x'],
    writes: ['target'],
    params: { count: 'u32', alpha: 'f32' },
    ...byFour,
    cuts: [perElement('x', 'target')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count) },
        writes: { target: normals(count) },
        params: { count, alpha: -0.3 },
      })),
  }),
  /** out = factor[0] · alpha · x; factor may be null (then 1). */
  scale: kernel({
    reads: ['x', 'factor'],
    writes: ['out'],
    params: { count: 'u32', hasFactor: 'u32', alpha: 'f32' },
    ...byFour,
    cuts: [perElement('x', 'out')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count), factor: count % 2 === 1 ? normals(1) : null },
        writes: { out: normals(count) },
        params: { count, hasFactor: count % 2, alpha: -0.3 },
      })),
  }),
  fill: kernel({
    reads: [],
    writes: ['out'],
    params: { count: 'u32', value: 'f32' },
    varies: true,
    ...byFour,
    cuts: [perElement('out')],
    calls: ({ normals }) =>
      perCount((count) => ({ reads: {}, writes: { out: normals(count) }, params: { count, value: -2.5 } })),
  }),
  /**
   * Keeps x[i] · scale where mix32((first + i) ^ seed) >= threshold, else 0: a counter, so backward is the same call.
   */
  dropout: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', first: 'u32', seed: 'u32', threshold: 'u32', scale: 'f32' },
    varies: true,
    ...byFour,
    cuts: [{ ...perElement('x', 'out'), from: further }],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count) },
        writes: { out: normals(count) },
        params: { count, first: 5, seed: 0xdeadbeef, threshold: 0x4ccccccc, scale: 1 / 0.7 },
      })),
  }),
  /** out[i] = x[i] + scale · (2 u - 1), u in [0, 1) from the upper 24 bits of mix32((first + i) ^ seed). */
  noise: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', first: 'u32', seed: 'u32', scale: 'f32' },
    varies: true,
    ...byFour,
    cuts: [{ ...perElement('x', 'out'), from: further }],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count) },
        writes: { out: normals(count) },
        params: { count, first: 5, seed: 0xdeadbeef, scale: 0.3 },
      })),
  }),
} as const
