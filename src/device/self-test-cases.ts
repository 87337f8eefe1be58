import { f32ToF16 } from '../core/float16.ts'
import { Random } from '../core/random.ts'
import {
  dynamicMap,
  fourBitCode,
  fourBitDecision,
  type FourBitType,
  quantizeAbsmax,
  quantizeFourBit,
  quantizeInt8,
} from '../quant/index.ts'
import type { KernelName, KernelParams, KernelReads, KernelWrites } from './kernels.ts'

/** What a buffer of a test holds. */
export type TestNumbers = Float32Array | Uint8Array | Int32Array | Uint32Array | Uint16Array

/** One call of kernel `K`, small enough to be compared in no time. */
interface Call<K extends KernelName> {
  readonly reads: { readonly [name in KernelReads<K>]: TestNumbers | null }
  /** What the written buffers hold before. */
  readonly writes: { readonly [name in KernelWrites<K>]: TestNumbers }
  readonly params: KernelParams<K>
  /** Steps that a u8 code may be off by where arithmetic differs in its last bit. Default 0. */
  readonly codeSteps?: number
}

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
  [1, 128, 256],
  [2, 64, 64],
  [3, 192, 128],
  [5, 36, 40],
  [9, 72, 192],
  [17, 64, 64],
  [33, 130, 70],
  [64, 128, 256],
] as const
const heads = [
  { batch: 2, heads: 4, kvHeads: 2, queries: 6, keys: 9, capacity: 13, dim: 17 },
  { batch: 1, heads: 2, kvHeads: 1, queries: 1, keys: 70, capacity: 72, dim: 64 },
  { batch: 1, heads: 2, kvHeads: 2, queries: 70, keys: 70, capacity: 70, dim: 32 },
] as const
const layouts = [
  { batch: 2, tokens: 5, heads: 4, kvHeads: 2, dim: 6, past: 0, capacity: 5 },
  { batch: 1, tokens: 33, heads: 2, kvHeads: 2, dim: 16, past: 0, capacity: 33 },
] as const
const trans = [0, 1, 2, 3].map((both) => ({ transA: both >> 1, transB: both & 1 }))

function calls(random: Random): { readonly [K in KernelName]: readonly Call<K>[] } {
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  const positives = (count: number) => normals(count).map((x) => 0.05 + Math.abs(x))
  const ids = (count: number, below: number) => Uint32Array.from({ length: count }, () => random.below(below))
  const perCount = <K extends KernelName>(make: (count: number) => Call<K>) => counts.map(make)
  const perTable = <K extends KernelName>(make: (rows: number, dim: number) => Call<K>) =>
    tables.map(([rows, dim]) => make(rows, dim))
  const whole = { nested: null, tables: null }
  /** A matrix as it is stored, and what kernels are told of it beside its bits. */
  const stored = (rows: number, columns: number, bits: 4 | 8 | 16, type: FourBitType, isNested: boolean) => {
    const values = normals(rows * columns)
    const plain = { isNested: 0, nestedCount: 0 }
    if (bits === 16) return { reads: { codes: f32ToF16(values), absmax: null, ...whole }, blockSize: columns, ...plain }
    if (bits === 8) {
      const { codes, scale } = quantizeInt8(values, rows, columns)
      const reads = { codes: new Uint8Array(codes.buffer), absmax: scale, ...whole }
      return { reads, blockSize: columns, ...plain }
    }
    const { codes, absmax } = quantizeFourBit(values, { type, blockSize: 64 })
    const tables = Float32Array.of(...fourBitCode(type), ...dynamicMap(true))
    if (!isNested) return { reads: { codes, absmax, nested: null, tables }, blockSize: 64, ...plain }
    const double = quantizeAbsmax(absmax)
    const nested = Float32Array.of(...double.nestedAbsmax, double.offset)
    const reads = { codes, absmax: double.codes, nested, tables }
    return { reads, blockSize: 64, isNested: 1, nestedCount: nested.length - 1 }
  }
  /** Cut so that the keys of a padded sample are hidden, and what attention keeps of a row is near the truth. */
  const attended = (s: (typeof heads)[number]) => {
    const rows = s.batch * s.heads * s.queries
    const slopes = Float32Array.from({ length: s.heads }, (_, head) => 2 ** -(head + 2))
    const positions = Float32Array.from({ length: s.batch * s.keys }, (_, key) => (key < 2 ? -1 : key % s.keys))
    const hasAlibi = +(s.queries > 1)
    return {
      q: normals(rows * s.dim),
      k: normals(s.batch * s.kvHeads * s.capacity * s.dim),
      v: normals(s.batch * s.kvHeads * s.capacity * s.dim),
      alibi: hasAlibi === 1 ? Float32Array.of(...slopes, ...positions) : null,
      dOut: normals(rows * s.dim),
      stats: normals(2 * rows).map((x, i) => (i % 2 === 0 ? 3 + x : x)),
      params: { ...s, hasAlibi, scale: 1 / Math.sqrt(s.dim), alibiScale: 1 / s.dim },
    }
  }
  const perHeads = <K extends KernelName>(make: (parts: ReturnType<typeof attended>) => Call<K>) =>
    heads.map((s) => make(attended(s)))
  const headParts = (s: (typeof layouts)[number]) => ({
    q: normals(s.batch * s.heads * s.tokens * s.dim),
    k: normals(s.batch * s.kvHeads * s.capacity * s.dim),
    v: normals(s.batch * s.kvHeads * s.capacity * s.dim),
    fused: normals(s.batch * s.tokens * (s.heads + 2 * s.kvHeads) * s.dim),
  })

  return {
    matmul: products.flatMap(([m, n, k], i) =>
      trans.map(({ transA, transB }) => ({
        reads: { a: normals(m * k), b: normals(k * n), bias: i % 2 === 0 ? normals(n) : null },
        writes: { out: normals(m * n) },
        params: {
          ...{ m, n, k, pitchA: transA === 1 ? m : k, pitchOut: n, transA, transB },
          ...{ hasBias: (i + 1) % 2, accumulate: transB, alpha: -0.75 },
        },
      })),
    ),
    matmulStored: products.flatMap(([m, n, k], i) =>
      ([4, 8, 16] as const).flatMap((bits) =>
        trans.map(({ transA: choice, transB }) => {
          const [rows, columns] = transB === 1 ? [n, k] : [k, n]
          const { reads, ...format } = stored(rows, columns, bits, i % 3 === 0 ? 'fp4' : 'nf4', choice === 1)
          return {
            reads: { a: normals(m * k), ...reads, bias: i % 2 === 0 ? normals(n) : null },
            writes: { out: normals(m * n) },
            params: {
              ...{ m, n, k, pitchA: k, pitchOut: n, transB, bits, ...format },
              ...{ hasBias: (i + 1) % 2, accumulate: choice, alpha: -0.75 },
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
    dequantize: [1, 9, 313].flatMap((rows) =>
      ([4, 8, 16] as const).map((bits) => {
        const { reads, ...format } = stored(rows, 64, bits, 'nf4', rows > 1)
        return { reads, writes: { out: normals(64 * rows) }, params: { count: 64 * rows, bits, ...format } }
      }),
    ),
    quantizeAbsmax: [3, 700].map((count) => ({
      reads: { absmax: positives(count), map: dynamicMap(true) },
      writes: { codes: new Uint8Array(count), nested: normals(Math.ceil(count / 256) + 1) },
      params: { count },
      codeSteps: 1,
    })),
    embedding: tables.flatMap(([rows, dim]) =>
      ([32, 16] as const).map((bits) => ({
        reads: { ids: ids(rows, 13), table: bits === 16 ? f32ToF16(normals(13 * dim)) : normals(13 * dim) },
        writes: { out: normals(rows * dim) },
        params: { rows, dim, first: 0, vocab: 13, bits },
      })),
    ),
    embeddingBackward: perTable((rows, dim) => ({
      reads: { ids: ids(rows, 13), dOut: normals(rows * dim) },
      writes: { dTable: normals(13 * dim) },
      params: { rows, dim, first: 0, vocab: 13, accumulate: rows % 2 },
    })),
    layerNorm: perTable((rows, dim) => ({
      reads: { x: normals(rows * dim), weight: normals(dim), bias: normals(dim) },
      writes: { out: normals(rows * dim), stats: normals(2 * rows) },
      params: { rows, dim, eps: 1e-5 },
    })),
    addLayerNorm: perTable((rows, dim) => ({
      reads: { x: normals(rows * dim), r: normals(rows * dim), weight: normals(dim), bias: normals(dim) },
      writes: { y: normals(rows * dim), out: normals(rows * dim), stats: normals(2 * rows) },
      params: { rows, dim, eps: 1e-5 },
    })),
    layerNormBackward: perTable((rows, dim) => ({
      reads: { dOut: normals(rows * dim), x: normals(rows * dim), weight: normals(dim), stats: positives(2 * rows) },
      writes: { dX: normals(rows * dim) },
      params: { rows, dim, accumulate: rows % 2 },
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
    splitHeads: layouts.map((s) => {
      const { fused, q, k, v } = headParts(s)
      return { reads: { qkv: fused }, writes: { q, k, v }, params: s }
    }),
    joinHeads: layouts.map((s) => {
      const { fused, q, k, v } = headParts(s)
      return { reads: { dQ: q, dK: k, dV: v }, writes: { dQkv: fused }, params: s }
    }),
    attention: perHeads(({ q, k, v, alibi, dOut, stats, params }) => ({
      reads: { q, k, v, alibi },
      writes: { out: dOut, stats },
      params,
    })),
    attentionDelta: perHeads(({ q, dOut, stats, params }) => ({
      reads: { dOut, out: q },
      writes: { stats },
      params,
    })),
    attentionBackwardQuery: perHeads(({ q, k, v, alibi, stats, dOut, params }) => ({
      reads: { q, k, v, alibi, stats, dOut },
      writes: { dQ: normals(q.length) },
      params,
    })),
    attentionBackwardKey: perHeads(({ q, k, v, alibi, stats, dOut, params }) => ({
      reads: { q, k, v, alibi, stats, dOut },
      writes: { dK: normals(k.length), dV: normals(v.length) },
      params,
    })),
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
