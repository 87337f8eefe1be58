import { blockBytes, blockForms } from '../../quant/block-forms.ts'
import { dynamicMap } from '../../quant/dynamic-map.ts'
import { fourBitDecision } from '../../quant/four-bit.ts'
import { perTable } from './kernel-call.ts'
import { fold, kernel, LANES, lanes, wide } from './kernel-row.ts'
import { nestedFrom, storedWindows } from './stored-cuts.ts'
import { storedFormats, storedMatrix } from './stored-matrix.ts'

/** Elements that quantizeBlocks does together. */
const quantizedAtOnce = ({ scaling }: { readonly scaling: number }) => (scaling < 4 ? 64 : 256)

/** The register's rows for weights as they are stored. */
export const storedKernels = {
  /** decision: f32[32], 15 thresholds, a pad, then the 16 codes in the order of the thresholds. */
  quantizeFourBit: kernel({
    reads: ['input', 'decision'],
    writes: ['codes', 'absmax'],
    params: { count: 'u32', blockSize: 'u32' },
    items: (p) => Math.ceil(p.count / p.blockSize),
    constants: lanes,
    groups: (p) => fold(Math.ceil(p.count / p.blockSize) / LANES),
    cuts: [
      {
        along: 'count',
        windows: (p) => ({ input: 4, codes: { bytes: 1, per: 2 }, absmax: { bytes: 4, per: p.blockSize } }),
      },
    ],
    calls: ({ normals }) => {
      const { thresholds, codes } = fourBitDecision('nf4')
      const decision = Float32Array.of(...thresholds, 0, ...codes)
      return [64, 1000].map((count) => ({
        reads: { input: normals(count), decision },
        writes: { codes: new Uint8Array(count / 2), absmax: normals(Math.ceil(count / 64)) },
        params: { count, blockSize: 64 },
      }))
    },
  }),
  /** codes: i8[rows,dim]; scale: f32 per row. */
  quantizeInt8: kernel({
    reads: ['input'],
    writes: ['codes', 'scale'],
    params: { rows: 'u32', dim: 'u32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows / 4),
    cuts: [{ along: 'rows', step: () => 4, windows: ({ dim }) => ({ input: 4 * dim, codes: dim, scale: 4 }) }],
    calls: ({ normals }) =>
      perTable((rows, dim) => ({
        reads: { input: normals(rows * dim) },
        writes: { codes: new Uint8Array(rows * dim), scale: normals(rows) },
        params: { rows, dim },
      })),
  }),
  /** GGUF's blocks of 4 to 6 bits; count is a multiple of 32, of 256 where nested is written (scaling 4 and 5). */
  quantizeBlocks: kernel({
    reads: ['input'],
    writes: ['codes', 'absmax', 'nested'],
    params: { count: 'u32', bits: 'u32', blockSize: 'u32', scaling: 'u32' },
    items: (p) => Math.ceil(p.count / quantizedAtOnce(p)),
    constants: lanes,
    groups: (p) => fold(p.count / quantizedAtOnce(p) / LANES),
    cuts: [
      {
        along: 'count',
        step: quantizedAtOnce,
        windows: (p) => {
          const { nested, ...own } = storedWindows(1, { ...p, nestedCount: 0 })
          return { input: 4, ...own, ...(p.scaling > 3 && { nested }) }
        },
      },
    ],
    calls: ({ normals }) =>
      Object.values(blockForms).flatMap((form) =>
        [512, ...(form.scaling < 4 ? [96] : [])].map((count) => {
          const { codes, absmax, nested } = blockBytes(form, count)
          return {
            reads: { input: normals(count) },
            writes: {
              codes: new Uint8Array(codes),
              absmax: new Uint8Array(absmax),
              nested: new Uint8Array(Math.max(4, nested)),
            },
            params: { count, ...form },
          }
        }),
      ),
  }),
  /** The values of a matrix as it is stored, in the terms of matmulStored. */
  dequantize: kernel({
    reads: ['codes', 'absmax', 'nested', 'tables'],
    writes: ['out'],
    params: { count: 'u32', bits: 'u32', isBf16: 'u32', blockSize: 'u32', scaling: 'u32', nestedCount: 'u32' },
    items: (p) => Math.ceil(p.count / p.blockSize),
    constants: lanes,
    groups: (p) => fold(p.count / LANES),
    cuts: [
      {
        along: 'count',
        step: (p) => p.blockSize,
        windows: (p) => ({ ...storedWindows(1, p), out: 4 }),
        from: nestedFrom,
      },
    ],
    calls: ({ normals }) =>
      storedFormats.flatMap((format) =>
        perTable((rows, columns) => {
          const { reads, params } = storedMatrix(normals(rows * columns), columns, format)
          return { reads, writes: { out: normals(rows * columns) }, params: { count: rows * columns, ...params } }
        }),
      ),
  }),
  /** Double quantisation of `count` block maxima: u8 codes, f32 per 256 of them, and their mean at the end. */
  quantizeAbsmax: kernel({
    reads: ['absmax', 'map'],
    writes: ['codes', 'nested'],
    params: { count: 'u32' },
    items: () => 1,
    constants: wide,
    groups: () => [1, 1, 1],
    calls: ({ normals, positives }) =>
      [3, 700].map((count) => ({
        reads: { absmax: positives(count), map: dynamicMap(true) },
        writes: { codes: new Uint8Array(count), nested: normals(Math.ceil(count / 256) + 1) },
        params: { count },
        codeSteps: 1,
      })),
  }),
} as const
