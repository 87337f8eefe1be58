import {
  dequantizeAbsmax,
  dequantizeFourBit,
  dynamicMap,
  fourBitCode,
  fourBitDecision,
  type FourBitType,
  quantizeAbsmax,
  quantizeFourBit,
} from '../../../src/quant/index.ts'
import { junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'
import { factor, product, windowed } from './matmul.ts'

seedDraws('four-bit')

/** A random matrix in 4 bits, as kernels are given it, and its values. */
export function fourBit(count: number, type: FourBitType, blockSize: number, isNested: boolean) {
  const { codes, absmax } = quantizeFourBit(normals(count, 0.02), { type, blockSize })
  const tables = Float32Array.of(...fourBitCode(type), ...dynamicMap(true))
  if (!isNested) {
    const values = dequantizeFourBit({ codes, absmax, count, type, blockSize })
    return {
      reads: { codes, absmax, nested: null, tables },
      params: { bits: 4, isBf16: 0, blockSize, scaling: 0, nestedCount: 0 },
      values,
    }
  }
  const double = quantizeAbsmax(absmax)
  const nested = Float32Array.of(...double.nestedAbsmax, double.offset)
  return {
    reads: { codes, absmax: double.codes, nested, tables },
    params: { bits: 4, isBf16: 0, blockSize, scaling: 1, nestedCount: nested.length - 1 },
    values: dequantizeFourBit({ codes, absmax: dequantizeAbsmax(double), count, type, blockSize }),
  }
}

// Blocks that lie across rows, rows of odd length, more than 256 blocks, more columns than are packed at a time, rows
// of whole blocks; then windows of columns, by what their rows of a and of out have beyond them.
const sizes = [
  [1, 24, 40, 64],
  [1, 530, 24, 32],
  [2, 7, 36, 32],
  [3, 40, 72, 64],
  [5, 24, 40, 64],
  [6, 5, 37, 32],
  [9, 72, 1032, 64],
  [70, 48, 128, 128],
  [4, 560, 72, 64],
  [20, 13, 1088, 64],
  [16, 70, 640, 32],
  [1, 64, 128, 64],
  [3, 192, 64, 64],
  [7, 128, 192, 64],
  [8, 256, 520, 128],
  [5, 96, 40, 32],
  [1, 70, 128, 64, 3, 5],
  [3, 40, 72, 32, 1, 64],
  [11, 24, 64, 32, 64, 2],
  [21, 72, 128, 64, 8, 24],
  [1, 530, 192, 64],
  [1, 9, 1024, 256],
  [1, 70, 576, 64],
  [1, 60, 640, 128],
] as const

const products = sizes.flatMap(([m, n, k, blockSize, moreA = 0, moreOut = 0], index) =>
  [0, 1, 2, 3].map((choice) => {
    const [isNested, transB] = [choice >> 1 === 1, choice & 1]
    const flags = index + choice
    const [hasBias, accumulate, alpha] = [flags & 1, (flags >> 1) & 1, flags % 3 === 0 ? 1 : -0.75]
    const type = index % 3 === 2 ? 'fp4' : 'nf4'
    const b = fourBit(n * k, type, blockSize, isNested)
    const [pitchA, pitchOut] = [k + moreA, n + moreOut]
    const [a, bias, out] = [normals(windowed(m, k, pitchA)), normals(n), junk(windowed(m, n, pitchOut))]
    const params = { m, n, k, pitchA, pitchOut, transB, ...b.params, hasBias, accumulate, alpha }
    return kernelCase(
      'matmulStored',
      `${type} ${m}x${n}x${k} pitches ${pitchA} ${pitchOut} blocks of ${blockSize} nested ${isNested} transB ${transB}`,
      {
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
      },
    )
  }),
)

const quantisers = (['nf4', 'fp4'] as const).flatMap((type) =>
  [64, 1000, 4097].map((count) => {
    const blockSize = count === 1000 ? 32 : 64
    const input = normals(count)
    input.fill(0, 32, 96)
    const { codes, absmax } = quantizeFourBit(input, { type, blockSize })
    const { thresholds, codes: order } = fourBitDecision(type)
    return kernelCase('quantizeFourBit', `${type} ${count} in blocks of ${blockSize}, some of zeros`, {
      reads: { input, decision: Float32Array.of(...thresholds, 0, ...order) },
      writes: { codes: new Uint8Array(codes.length).fill(0x5a), absmax: junk(absmax.length) },
      params: { count, blockSize },
      expected: { codes, absmax },
      tolerance: 0,
    })
  }),
)

const dequantisers = [64, 1000, 20001].flatMap((count) =>
  [false, true].map((isNested) => {
    const b = fourBit(count, count === 1000 ? 'fp4' : 'nf4', 32, isNested)
    return kernelCase('dequantize', `${count} nested ${isNested}`, {
      reads: b.reads,
      writes: { out: junk(count) },
      params: { count, ...b.params },
      expected: { out: b.values },
      tolerance: isNested ? 1e-6 : 0,
    })
  }),
)

const doubleQuantisers = [1, 256, 700].map((count) => {
  const absmax = normals(count).map((x) => 0.05 + Math.abs(0.02 * x))
  const { codes, nestedAbsmax, offset } = quantizeAbsmax(absmax)
  return kernelCase('quantizeAbsmax', `${count} blocks`, {
    reads: { absmax, map: dynamicMap(true) },
    writes: { codes: new Uint8Array(count), nested: junk(nestedAbsmax.length + 1) },
    params: { count },
    expected: { codes: count === 1 ? undefined : codes, nested: [...nestedAbsmax, offset] },
    tolerance: 1e-6,
    codeSteps: 1,
  } as Parameters<typeof kernelCase<'quantizeAbsmax'>>[2])
})

export const fourBitCases: KernelCase[] = [...products, ...quantisers, ...dequantisers, ...doubleQuantisers]
