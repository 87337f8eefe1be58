import { f32ToBf16, f32ToF16 } from '../../core/float16.ts'
import { Random } from '../../core/random.ts'
import { dynamicMap, fourBitDecision, type FourBitType } from '../../quant/index.ts'
import type { KernelName } from '../register/kernels.ts'
import { attentionCalls } from './attention.ts'
import type { Call, TestNumbers } from './call.ts'
import { storedFormats, storedMatrix, type StoredFormat } from './stored-matrix.ts'

/** One call of a kernel, whichever it is. */
export interface SelfTestCase {
  readonly kernel: KernelName
  readonly reads: Readonly<Record<string, TestNumbers | null>>
  readonly writes: Readonly<Record<string, TestNumbers>>
  readonly params: Readonly<Record<string, number>>
  readonly codeSteps: number
}

/** The calls that each kernel is tested with; a kernel without any does not compile. The same numbers each time. */
export function selfTestCases(): readonly SelfTestCase[] {
  const table = calls(new Random(4))
  return (Object.keys(table) as KernelName[]).flatMap((kernel) =>
    table[kernel].map((call) => ({ codeSteps: 0, ...call, kernel })),
  )
}

const counts = [3, 67, 1030]
/** Rows and columns of a table. */
const tables = [
  [1, 5],
  [9, 64],
  [18, 131],
] as const
/** m, n and k: one row, few rows, whole and ragged tiles of every size there is. */
const products = [
  [1, 13, 70],
  [1, 64, 256],
  [3, 40, 256],
  [5, 33, 9],
  [17, 64, 64],
  [40, 132, 260],
] as const
const ways = [
  { transA: 0, transB: 0 },
  { transA: 0, transB: 1 },
  { transA: 1, transB: 0 },
  { transA: 1, transB: 1 },
] as const

function calls(random: Random): { readonly [K in KernelName]: readonly Call<K>[] } {
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  const positives = (count: number) => normals(count).map((x) => 0.05 + Math.abs(x))
  const ids = (count: number, below: number) => Uint32Array.from({ length: count }, () => random.below(below))
  const perCount = <K extends KernelName>(make: (count: number) => Call<K>) => counts.map(make)
  const perTable = <K extends KernelName>(make: (rows: number, dim: number) => Call<K>) =>
    tables.map(([rows, dim]) => make(rows, dim))
  const perNorm = <K extends KernelName>(make: (rows: number, dim: number, isRms: number) => Call<K>) =>
    [0, 1].flatMap((isRms) => tables.map(([rows, dim]) => make(rows, dim, isRms)))
  const stored = (rows: number, columns: number, format: StoredFormat) =>
    storedMatrix(normals(rows * columns), columns, format)
  return {
    matmul: products.flatMap(([m, n, k], i) =>
      ways.map(({ transA, transB }) => ({
        reads: { a: normals(m * k), b: normals(k * n), bias: i % 2 === 0 ? normals(n) : null },
        writes: { out: normals(m * n) },
        params: {
          ...{ m, n, k, pitchA: transA ? m : k, pitchOut: n, transA, transB },
          ...{ hasBias: (i + 1) % 2, accumulate: transB, alpha: -0.75 },
        },
      })),
    ),
    matmulStored: products.flatMap(([m, n, k], i) =>
      storedFormats.flatMap((format) =>
        [0, 1].map((transB) => {
          const b = transB === 1 ? stored(n, k, format) : stored(k, n, format)
          return {
            reads: { a: normals(m * k), ...b.reads, bias: i % 2 === 0 ? normals(n) : null },
            writes: { out: normals(m * n) },
            params: {
              ...{ m, n, k, pitchA: k, pitchOut: n, transB, ...b.params },
              ...{ hasBias: (i + 1) % 2, accumulate: transB, alpha: -0.75 },
            },
          }
        }),
      ),
    ),
    quantizeFourBit: [64, 1000].map((count) => ({
      reads: { input: normals(count), decision: decisionOf('nf4') },
      writes: { codes: new Uint8Array(count / 2), absmax: normals(Math.ceil(count / 64)) },
      params: { count, blockSize: 64 },
    })),
    quantizeInt8: perTable((rows, dim) => ({
      reads: { input: normals(rows * dim) },
      writes: { codes: new Uint8Array(rows * dim), scale: normals(rows) },
      params: { rows, dim },
    })),
    dequantize: storedFormats.flatMap((format) =>
      tables.map(([rows, columns]) => {
        const { reads, params } = stored(rows, columns, format)
        return { reads, writes: { out: normals(rows * columns) }, params: { count: rows * columns, ...params } }
      }),
    ),
    quantizeAbsmax: [3, 700].map((count) => ({
      reads: { absmax: positives(count), map: dynamicMap(true) },
      writes: { codes: new Uint8Array(count), nested: normals(Math.ceil(count / 256) + 1) },
      params: { count },
      codeSteps: 1,
    })),
    embedding: tables.flatMap(([rows, dim]) =>
      [
        { bits: 32, isBf16: 0, table: normals(13 * dim) },
        { bits: 16, isBf16: 0, table: f32ToF16(normals(13 * dim)) },
        { bits: 16, isBf16: 1, table: f32ToBf16(normals(13 * dim)) },
      ].map(({ table, ...storage }) => ({
        reads: { ids: ids(rows, 13), table },
        writes: { out: normals(rows * dim) },
        params: { rows, dim, first: 0, vocab: 13, ...storage },
      })),
    ),
    embeddingBackward: perTable((rows, dim) => ({
      reads: { ids: ids(rows, 13), dOut: normals(rows * dim) },
      writes: { dTable: normals(13 * dim) },
      params: { rows, dim, first: 0, vocab: 13, accumulate: rows % 2 },
    })),
    layerNorm: perNorm((rows, dim, isRms) => ({
      reads: { x: normals(rows * dim), weight: normals(dim), bias: isRms === 1 ? null : normals(dim) },
      writes: { out: normals(rows * dim), stats: normals(2 * rows) },
      params: { rows, dim, isRms, eps: 1e-5 },
    })),
    addLayerNorm: perNorm((rows, dim, isRms) => {
      const bias = isRms === 1 ? null : normals(dim)
      return {
        reads: { x: normals(rows * dim), r: normals(rows * dim), weight: normals(dim), bias },
        writes: { y: normals(rows * dim), out: normals(rows * dim), stats: normals(2 * rows) },
        params: { rows, dim, isRms, eps: 1e-5 },
      }
    }),
    layerNormBackward: perNorm((rows, dim, isRms) => ({
      reads: { dOut: normals(rows * dim), x: normals(rows * dim), weight: normals(dim), stats: positives(2 * rows) },
      writes: { dX: normals(rows * dim) },
      params: { rows, dim, isRms, accumulate: rows % 2 },
    })),
    layerNormParamsBackward: perTable((rows, dim) => ({
      reads: { dOut: normals(rows * dim), x: normals(rows * dim), stats: positives(2 * rows) },
      writes: { dWeight: normals(dim), dBias: normals(dim) },
      params: { rows, dim, accumulate: rows % 2 },
    })),
    gelu: perCount((count) => ({
      reads: { x: normals(count).map((x) => 3 * x) },
      writes: { out: normals(count) },
      params: { count },
    })),
    geluBackward: perCount((count) => ({
      reads: { dOut: normals(count), x: normals(count).map((x) => 3 * x) },
      writes: { dX: normals(count) },
      params: { count },
    })),
    swiGlu: perCount((count) => ({
      reads: { gate: normals(count).map((x) => 3 * x), up: normals(count) },
      writes: { out: normals(count) },
      params: { count },
    })),
    swiGluBackward: perCount((count) => ({
      reads: { dOut: normals(count), gate: normals(count).map((x) => 3 * x), up: normals(count) },
      writes: { dGate: normals(count), dUp: normals(count) },
      params: { count },
    })),
    add: perCount((count) => ({
      reads: { a: normals(count), b: normals(count) },
      writes: { out: normals(count) },
      params: { count, alpha: -0.3 },
    })),
    accumulate: perCount((count) => ({
      reads: { x: normals(count) },
      writes: { target: normals(count) },
      params: { count, alpha: -0.3 },
    })),
    scale: perCount((count) => ({
      reads: { x: normals(count), factor: count % 2 === 1 ? normals(1) : null },
      writes: { out: normals(count) },
      params: { count, hasFactor: count % 2, alpha: -0.3 },
    })),
    fill: perCount((count) => ({ reads: {}, writes: { out: normals(count) }, params: { count, value: -2.5 } })),
    dropout: perCount((count) => ({
      reads: { x: normals(count) },
      writes: { out: normals(count) },
      params: { count, first: 5, seed: 0xdeadbeef, threshold: 0x4ccccccc, scale: 1 / 0.7 },
    })),
    sumRows: perTable((rows, dim) => ({
      reads: { x: normals(rows * dim) },
      writes: { out: normals(dim) },
      params: { rows, dim, accumulate: rows % 2 },
    })),
    sum: perCount((count) => ({
      reads: { x: positives(count) },
      writes: { out: normals(1) },
      params: { count, accumulate: count % 2, alpha: 0.5 },
    })),
    sumSquares: perCount((count) => ({
      reads: { x: normals(count) },
      writes: { out: normals(3 + Math.ceil(count / 64)) },
      params: { count, share: 64, slot: 2 },
    })),
    ...attentionCalls(random),
    crossEntropy: perTable((rows, vocab) => ({
      reads: { labels: Int32Array.from(ids(rows, vocab), (label, row) => (row % 4 === 2 ? -100 : label)) },
      writes: { logits: normals(rows * vocab).map((x) => 3 * x), losses: normals(rows) },
      params: { rows, vocab, writeGrad: rows % 2, gradScale: 0.125 },
    })),
    clipFactor: [0, 0.7, 100].map((maxNorm) => ({
      reads: { squares: positives(7) },
      writes: { clip: normals(2) },
      params: { count: 7, maxNorm },
    })),
    adamw: perCount((count) => ({
      reads: { grad: normals(count), clip: Float32Array.of(0.5, 2) },
      writes: { param: normals(count), m: normals(count), v: positives(count) },
      params: {
        ...{ count, keep: 0.999, beta1: 0.9, gain1: 0.1, beta2: 0.999, gain2: 0.001 },
        ...{ step: 0.037, root2: 0.055, eps: 1e-8 },
      },
    })),
  }
}

function decisionOf(type: FourBitType): Float32Array {
  const { thresholds, codes } = fourBitDecision(type)
  return Float32Array.of(...thresholds, 0, ...codes)
}
