import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../../src/core/float16.ts'
import { quantizeInt8 } from '../../../src/quant/index.ts'
import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'
import { factor, product, windowed } from './matmul.ts'

seedDraws('stored')

/** Formats whose elements are whole bytes. */
export const wholeByteFormats = ['f16', 'bf16', 'int8', 'int8 by 32'] as const
type WholeByteFormat = (typeof wholeByteFormats)[number]

/** A random matrix in 16 or 8 bits, as kernels are given it, and its values. */
export function wholeBytes(rows: number, columns: number, format: WholeByteFormat) {
  const values = normals(rows * columns, 0.02)
  const params = {
    bits: format === 'f16' || format === 'bf16' ? 16 : 8,
    isBf16: +(format === 'bf16'),
    blockSize: format === 'int8 by 32' ? 32 : columns,
    scaling: 0,
    nestedCount: 0,
  }
  const none = { absmax: null, nested: null, tables: null }
  if (format === 'f16') {
    const codes = f32ToF16(values)
    // The smallest subnormal number, the largest, what follows, and the other zero.
    codes.set([0x0001, 0x83ff, 0x0400, 0x8000].slice(0, codes.length >> 1), codes.length >> 1)
    return { reads: { ...none, codes }, params, values: f16ToF32(codes) }
  }
  if (format === 'bf16') {
    const codes = f32ToBf16(values)
    return { reads: { ...none, codes }, params, values: bf16ToF32(codes) }
  }
  const { blockSize } = params
  const blocks = Math.ceil(values.length / blockSize)
  const filled = new Float32Array(blocks * blockSize)
  filled.set(values)
  const { codes, scale } = quantizeInt8(filled, blocks, blockSize)
  return {
    reads: { ...none, codes: new Uint8Array(codes.buffer), absmax: scale },
    params,
    values: doubles(values.length, (e) => (at(codes, e) * at(scale, Math.floor(e / blockSize))) / 127),
  }
}

// Rows of odd length, of two and of four elements' multiples, more columns than are packed at a time, depths across
// blocks of 512; then windows of columns, by what their rows of a and of out have beyond them.
const sizes = [
  [1, 1, 1],
  [1, 13, 70],
  [1, 530, 9],
  [1, 64, 1032],
  [1, 19, 160],
  [1, 21, 72],
  [2, 9, 33],
  [3, 17, 5],
  [3, 36, 20],
  [5, 7, 3],
  [6, 40, 72],
  [7, 66, 34],
  [13, 41, 67],
  [21, 72, 132],
  [20, 64, 1048],
  [4, 600, 520],
  [70, 48, 128],
  [1, 70, 13, 3, 5],
  [3, 40, 72, 1, 64],
  [14, 33, 9, 2, 1],
  [21, 72, 136, 8, 24],
] as const

const products = sizes.flatMap(([m, n, k, moreA = 0, moreOut = 0], index) =>
  wholeByteFormats.flatMap((format) =>
    [0, 1].map((transB) => {
      const flags = index + transB
      const [hasBias, accumulate, alpha] = [flags & 1, (flags >> 1) & 1, flags % 3 === 0 ? 1 : -0.75]
      const [pitchA, pitchOut] = [k + moreA, n + moreOut]
      const b = transB ? wholeBytes(n, k, format) : wholeBytes(k, n, format)
      const [a, bias, out] = [normals(windowed(m, k, pitchA)), normals(n), junk(windowed(m, n, pitchOut))]
      const params = { m, n, k, pitchA, pitchOut, transB, ...b.params, hasBias, accumulate, alpha }
      return kernelCase('matmulStored', `${format} ${m}x${n}x${k} pitches ${pitchA} ${pitchOut} transB ${transB}`, {
        reads: { a, ...b.reads, bias: hasBias ? bias : null },
        writes: { out },
        params,
        expected: {
          out: product(
            params,
            out,
            factor(a, 0, pitchA),
            factor(b.values, transB, transB ? k : n),
            hasBias ? bias : null,
          ),
        },
      })
    }),
  ),
)

const dequantisers = [
  [1, 1],
  [3, 5],
  [9, 64],
  [301, 34],
].flatMap(([rows = 0, columns = 0]) =>
  wholeByteFormats.map((format) => {
    const { reads, params, values } = wholeBytes(rows, columns, format)
    return kernelCase('dequantize', `${format} ${rows}x${columns}`, {
      reads,
      writes: { out: junk(values.length) },
      params: { count: values.length, ...params },
      expected: { out: values },
      tolerance: params.bits === 8 ? 1e-6 : 0,
    })
  }),
)

/**
 * Numbers spread over f16's range, with what is half way between two of them, subnormal ones and a row of zeros. Codes
 * are the host's, which are bitsandbytes'.
 */
const quantisers = [
  [1, 1],
  [3, 5],
  [5, 130],
  [9, 64],
  [301, 16],
].map(([rows = 0, dim = 0]) => {
  const input = normals(rows * dim).map((x, i) => {
    if (rows === 9 && i < dim) return 0
    const spread = x * 2 ** ((i % 31) - 20)
    return i % 4 === 0 ? spread : x * (1 + Math.floor(i / dim))
  })
  input.forEach((x, i) => {
    // Eleven bits and a half of the last.
    if (i % 5 === 1) input[i] = Math.fround(Math.round(x * 1024) / 1024 + 2 ** -11)
  })
  const { codes, scale } = quantizeInt8(input, rows, dim)
  return kernelCase('quantizeInt8', `${rows}x${dim}`, {
    reads: { input },
    writes: { codes: new Uint8Array(codes.length).fill(0x5a), scale: junk(rows) },
    params: { rows, dim },
    expected: { codes: new Uint8Array(codes.buffer), scale },
    tolerance: 0,
  })
})

/** Every finite f16, bit by bit. */
const everyHalf = (() => {
  const codes = Uint16Array.from({ length: 0x10000 }, (_, half) => half).filter((half) => (half & 0x7c00) !== 0x7c00)
  return kernelCase('dequantize', 'every finite f16', {
    reads: { codes, absmax: null, nested: null, tables: null },
    writes: { out: junk(codes.length) },
    params: { count: codes.length, bits: 16, isBf16: 0, blockSize: 62, scaling: 0, nestedCount: 0 },
    expected: { out: f16ToF32(codes) },
    tolerance: 0,
  })
})()

/** Every bf16 that is zero or normal, bit by bit: WGSL may take a subnormal f32 for 0. */
const everyBf16 = (() => {
  const codes = Uint16Array.from({ length: 0x10000 }, (_, half) => half).filter((half) => {
    const exponent = half & 0x7f80
    return exponent !== 0x7f80 && (exponent !== 0 || (half & 0x7f) === 0)
  })
  return kernelCase('dequantize', 'every bf16 that is zero or normal', {
    reads: { codes, absmax: null, nested: null, tables: null },
    writes: { out: junk(codes.length) },
    params: { count: codes.length, bits: 16, isBf16: 1, blockSize: 62, scaling: 0, nestedCount: 0 },
    expected: { out: bf16ToF32(codes) },
    tolerance: 0,
  })
})()

export const storedCases: KernelCase[] = [...products, ...quantisers, ...dequantisers, everyHalf, everyBf16]
