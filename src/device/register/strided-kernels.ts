import { fold, kernel, LANES, lanes } from './kernel-row.ts'

/** Sizes of an array of four axes, the first being what is left of `count`. */
const axes = { count: 'u32', d1: 'u32', d2: 'u32', d3: 'u32' } as const
const eachAlone = {
  items: (p: { readonly count: number }) => Math.ceil(p.count / 4),
  constants: lanes,
  groups: (p: { readonly count: number }) => fold(p.count / LANES),
} as const

/** Sizes, and how far apart elements lie along the axes: in order, with axes exchanged, the same along some. */
const arrays = [
  { d: [1, 1, 1, 67], s: [0, 0, 0, 1], t: [0, 0, 0, 0] },
  { d: [2, 3, 4, 5], s: [60, 20, 1, 4], t: [0, 5, 0, 1] },
  { d: [3, 1, 18, 131], s: [2358, 0, 131, 1], t: [18, 0, 1, 0] },
] as const

/** The register's rows for arrays of up to four axes, whose elements lie anyhow. */
export const stridedKernels = {
  /** out[outFirst + at(o0..o3)] = (accumulate ? itself : 0) + x[xFirst + at(x0..x3)] for elements of 4 bytes. */
  copyStrided: kernel({
    reads: ['x'],
    writes: ['out'],
    params: {
      ...axes,
      x0: 'u32',
      x1: 'u32',
      x2: 'u32',
      x3: 'u32',
      xFirst: 'u32',
      o0: 'u32',
      o1: 'u32',
      o2: 'u32',
      o3: 'u32',
      outFirst: 'u32',
      accumulate: 'u32',
    },
    ...eachAlone,
    calls: ({ normals }) =>
      arrays.flatMap(({ d: [d0, d1, d2, d3], s: [x0, x1, x2, x3] }) => {
        const count = d0 * d1 * d2 * d3
        return [0, 1].map((accumulate) => ({
          reads: { x: normals(count + 2) },
          writes: { out: normals(count + 3) },
          params: {
            ...{ count, d1, d2, d3, x0, x1, x2, x3, xFirst: 2 },
            ...{ o0: d1 * d2 * d3, o1: d2 * d3, o2: d3, o3: 1, outFirst: 3, accumulate },
          },
        }))
      }),
  }),
  /** out = a · b; elements lie a0..a3 and b0..b3 apart along the four axes, 0 apart where there is one for all. */
  mul: kernel({
    reads: ['a', 'b'],
    writes: ['out'],
    params: {
      ...axes,
      a0: 'u32',
      a1: 'u32',
      a2: 'u32',
      a3: 'u32',
      b0: 'u32',
      b1: 'u32',
      b2: 'u32',
      b3: 'u32',
    },
    ...eachAlone,
    cuts: [
      {
        along: 'count',
        // Of a single axis; a number that multiplies all is bound whole.
        windows: (p) => (p.d3 < p.count ? null : { ...(p.a3 === 1 && { a: 4 }), ...(p.b3 === 1 && { b: 4 }), out: 4 }),
      },
    ],
    calls: ({ normals }) =>
      arrays.map(({ d: [d0, d1, d2, d3], s: [a0, a1, a2, a3], t: [b0, b1, b2, b3] }) => {
        const count = d0 * d1 * d2 * d3
        return {
          reads: { a: normals(count), b: normals(count) },
          writes: { out: normals(count) },
          params: { count, d1, d2, d3, a0, a1, a2, a3, b0, b1, b2, b3 },
        }
      }),
  }),
} as const
