import { junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'
import { fourBit } from './four-bit.ts'
import { factor, product } from './matmul.ts'
import { wholeByteFormats, wholeBytes } from './stored.ts'
import { adamw8bitCase } from './optimizers.ts'

seedDraws('windows')

// Sizes of which every axis is cut in turn, some in two directions.
const sizes = [
  [1000, 64, 3],
  [3, 1000, 64],
  [3, 64, 1000],
  [100, 200, 64],
  [64, 7, 321],
] as const

/** Products with long axes, for devices that bind a few kilobytes. */
export const productWindowCases: KernelCase[] = sizes.flatMap(([m, n, k], index) =>
  [0, 1, 2, 3].map((trans) => {
    const [transA, transB] = [trans >> 1, trans & 1]
    const [hasBias, accumulate] = [(index + trans) & 1, (index >> 1) & 1]
    const [a, b, bias, out] = [normals(m * k), normals(k * n), normals(n), junk(m * n)]
    const pitchA = transA ? m : k
    const params = { m, n, k, pitchA, pitchOut: n, transA, transB, hasBias, accumulate, alpha: -0.75 }
    return kernelCase('matmul', `${m}x${n}x${k} transA ${transA} transB ${transB} bias ${hasBias}`, {
      reads: { a, b, bias: hasBias ? bias : null },
      writes: { out },
      params,
      expected: {
        out: product(params, out, factor(a, transA, pitchA), factor(b, transB, transB ? k : n), hasBias ? bias : null),
      },
    })
  }),
)

/** The same with b in 16 and 8 bits each. */
export const storedWindowCases: KernelCase[] = sizes.flatMap(([m, n, k], index) =>
  wholeByteFormats.flatMap((format) =>
    [0, 1].map((transB) => {
      const b = transB ? wholeBytes(n, k, format) : wholeBytes(k, n, format)
      const [hasBias, accumulate] = [(index + transB) & 1, (index >> 1) & 1]
      const [a, bias, out] = [normals(m * k), normals(n), junk(m * n)]
      const params = { m, n, k, pitchA: k, pitchOut: n, transB, ...b.params, hasBias, accumulate, alpha: 1 }
      return kernelCase('matmulStored', `${format} ${m}x${n}x${k} transB ${transB} bias ${hasBias}`, {
        reads: { a, ...b.reads, bias: hasBias ? bias : null },
        writes: { out },
        params,
        expected: {
          out: product(params, out, factor(a, 0, k), factor(b.values, transB, transB ? k : n), hasBias ? bias : null),
        },
      })
    }),
  ),
)

const dequantisers = [true, false].map((isNested) => {
  const count = 600_000
  const b = fourBit(count, 'nf4', 32, isNested)
  return kernelCase('dequantize', `${count} nested ${isNested}`, {
    reads: b.reads,
    writes: { out: junk(count) },
    params: { count, ...b.params },
    expected: { out: b.values },
    tolerance: isNested ? 1e-6 : 0,
  })
})

const products = [0, 1].map((transB) => {
  const [m, n, k] = transB === 1 ? [2, 1030, 1024] : [2, 1024, 1030]
  const b = fourBit(n * k, 'nf4', 32, true)
  const [a, bias, out] = [normals(m * k), normals(n), junk(m * n)]
  const common = { m, n, k, pitchA: k, pitchOut: n, transB, hasBias: 1, accumulate: 1, alpha: 0.5 }
  return kernelCase('matmulStored', `${m}x${n}x${k} transB ${transB}`, {
    reads: { a, ...b.reads, bias },
    writes: { out },
    params: { ...common, ...b.params },
    expected: {
      out: product(common, out, factor(a, 0, k), factor(b.values, transB, transB ? k : n), bias),
    },
  })
})

/**
 * What is cut at multiples of many elements: matrices in 4 bits with more than 64 groups of 256 blocks, and moments in
 * 8 bits of more than 32 blocks; by the bytes that a device for them binds at most.
 */
export const longWindowCases: readonly (readonly [bindingBytes: number, cases: readonly KernelCase[]])[] = [
  [2 ** 16, [adamw8bitCase(20_000, 0.5)]],
  [2 ** 18, products],
  [2 ** 21, dequantisers],
]
