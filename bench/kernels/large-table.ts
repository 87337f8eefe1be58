/**
 * A table of 50,304 × 2,048 floats (412 MB) on a WebGPU adapter, as embedding and as head, forwards and backwards:
 * results are held against sums in double precision. `tsx test/device/with-gpu.ts bench/kernels/large-table.ts`
 */
import { requestGpu } from '#platform'
import { f16ToF32, f32ToF16 } from '../../src/core/float16.ts'
import type { Binding } from '../../src/device/device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'

const [vocab, dim, rows] = [50304, 2048, 8] as const
const answer = await requestGpu()
if (!('gpu' in answer)) throw new Error(answer.reason)
const device = await openWebGpuDevice(answer.gpu)
const limit = device.gpu.limits.maxStorageBufferBindingSize
console.log(`${device.description}; a table of ${4 * vocab * dim} bytes, bindings of at most ${limit}`)

/** A number in [-0.5, 0.5) that hangs on its place. */
function noise(i: number, seed: number): number {
  let h = (i ^ seed) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return Math.fround(((h ^ (h >>> 16)) >>> 0) / 2 ** 32 - 0.5)
}
const fill = (count: number, seed: number) => Float32Array.from({ length: count }, (_, i) => noise(i, seed))
const place = (values: Float32Array | Int32Array | Uint16Array, label: string): Binding => {
  const binding = window(values.byteLength, label)
  device.upload(binding, values)
  return binding
}
function window(byteLength: number, label: string): Binding {
  return { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
}
const floats = async (binding: Binding) => new Float32Array((await device.download(binding)).buffer)
const sum = (count: number, term: (i: number) => number) => {
  let total = 0
  for (let i = 0; i < count; i++) total += term(i)
  return total
}
/** Largest error over some places, as a share of the largest value there. */
function worst(got: Float32Array, places: readonly number[], expected: (at: number) => number): number {
  let [largest, error] = [0, 0]
  for (const at of places) {
    const value = expected(at)
    largest = Math.max(largest, Math.abs(value))
    error = Math.max(error, Math.abs((got[at] ?? NaN) - value))
  }
  return error / largest
}
async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  await device.settle()
  const start = performance.now()
  const result = await work()
  console.log(`${what.padEnd(46)} ${(performance.now() - start).toFixed(0).padStart(6)} ms`)
  return result
}
function expectSmall(what: string, error: number, allowed: number): void {
  console.log(`${what.padEnd(46)} error ${error.toExponential(1)}`)
  if (!(error <= allowed)) throw new Error(`${what}: off by ${error}, allowed ${allowed}`)
}

const values = fill(vocab * dim, 1)
const table = await timed('upload of the table', async () => {
  const placed = place(values, 'table')
  await device.settle()
  return placed
})
// The ends of all windows of 16,384 rows, and of the table.
const edges = [0, 16383, 16384, 32767, 32768, 49151, 49152, vocab - 1]
const ids = place(Int32Array.from(edges), 'ids')
const x = fill(rows * dim, 2)
const hidden = place(x, 'hidden')
const logits = window(4 * rows * vocab, 'logits')
const gathered = window(4 * rows * dim, 'gathered')

const unscaled = { absmax: null, nested: null, tables: null }
const plain = { isBf16: 0, blockSize: dim, scaling: 0, nestedCount: 0 }
const lookUp = { rows, dim, first: 0, vocab }
await timed('embedding', async () => {
  device.run('embedding', { ids, ...unscaled, codes: table, out: gathered }, { ...lookUp, ...plain, bits: 32 })
  await device.settle()
})
const rowsOf = await floats(gathered)
expectSmall(
  'embedding',
  worst(rowsOf, [...rowsOf.keys()], (at) => values[(edges[Math.floor(at / dim)] ?? 0) * dim + (at % dim)] ?? NaN),
  0,
)

const head = {
  m: rows,
  n: vocab,
  k: dim,
  pitchA: dim,
  pitchOut: vocab,
  transA: 0,
  transB: 1,
  hasBias: 0,
  accumulate: 0,
  alpha: 1,
}
await timed('head, x Wᵀ', async () => {
  device.run('matmul', { a: hidden, b: table, bias: null, out: logits }, head)
  await device.settle()
})
const some = edges.flatMap((column) => Array.from({ length: rows }, (_, row) => row * vocab + column))
const dot = (at: number) => {
  const [row, column] = [Math.floor(at / vocab), at % vocab]
  return sum(dim, (i) => (x[row * dim + i] ?? NaN) * (values[column * dim + i] ?? NaN))
}
const logitsNow = await floats(logits)
expectSmall('head, x Wᵀ', worst(logitsNow, some, dot), 1e-5)

const dX = window(4 * rows * dim, 'dX')
await timed('head backwards, dLogits W', async () => {
  const params = { ...head, n: dim, k: vocab, pitchA: vocab, pitchOut: dim, transB: 0 }
  device.run('matmul', { a: logits, b: table, bias: null, out: dX }, params)
  await device.settle()
})
const back = (at: number) => {
  const [row, column] = [Math.floor(at / dim), at % dim]
  return sum(vocab, (v) => (logitsNow[row * vocab + v] ?? NaN) * (values[v * dim + column] ?? NaN))
}
expectSmall('head backwards, dLogits W', worst(await floats(dX), [0, 1, dim - 1, rows * dim - 1], back), 1e-4)

const dTable = window(4 * vocab * dim, 'dTable')
await timed('gradient of the table, dLogitsᵀ x + scattered', async () => {
  const params = { ...head, m: vocab, n: dim, k: rows, pitchA: vocab, pitchOut: dim, transA: 1, transB: 0 }
  device.run('matmul', { a: logits, b: hidden, bias: null, out: dTable }, params)
  device.run('embeddingBackward', { ids, dOut: hidden, dTable }, { rows, dim, first: 0, vocab, accumulate: 1 })
  await device.settle()
})
const places = [...edges, 7, 20000].flatMap((v) => [v * dim, v * dim + dim - 1])
const gradient = (at: number) => {
  const [v, column] = [Math.floor(at / dim), at % dim]
  const slot = edges.indexOf(v)
  const scattered = slot < 0 ? 0 : (x[slot * dim + column] ?? NaN)
  return sum(rows, (row) => (logitsNow[row * vocab + v] ?? NaN) * (x[row * dim + column] ?? NaN)) + scattered
}
expectSmall('gradient of the table', worst(await floats(dTable), places, gradient), 1e-5)

// The same table in f16, decoded on the way.
const bits = f32ToF16(values)
const rounded = f16ToF32(bits)
const half = await timed('upload of the table in f16', async () => {
  const placed = place(bits, 'table in f16')
  await device.settle()
  return placed
})
device.run('embedding', { ids, ...unscaled, codes: half, out: gathered }, { ...lookUp, ...plain, bits: 16 })
const halfRows = await floats(gathered)
expectSmall(
  'embedding in f16',
  worst(halfRows, [...halfRows.keys()], (at) => rounded[(edges[Math.floor(at / dim)] ?? 0) * dim + (at % dim)] ?? NaN),
  0,
)
const storage = { bits: 16, ...plain }
const asStored = { codes: half, ...unscaled, bias: null }
const headParams = { m: rows, n: vocab, k: dim, pitchA: dim, pitchOut: vocab, hasBias: 0, accumulate: 0, alpha: 1 }
await timed('head in f16, x Wᵀ', async () => {
  device.run('matmulStored', { a: hidden, ...asStored, out: logits }, { ...headParams, ...storage, transB: 1 })
  await device.settle()
})
const halfDot = (at: number) => {
  const [row, column] = [Math.floor(at / vocab), at % vocab]
  return sum(dim, (i) => (x[row * dim + i] ?? NaN) * (rounded[column * dim + i] ?? NaN))
}
const halfLogits = await floats(logits)
expectSmall('head in f16, x Wᵀ', worst(halfLogits, some, halfDot), 1e-5)
await timed('head in f16 backwards, dLogits W', async () => {
  const params = { ...headParams, n: dim, k: vocab, pitchA: vocab, pitchOut: dim }
  device.run('matmulStored', { a: logits, ...asStored, out: dX }, { ...params, ...storage, transB: 0 })
  await device.settle()
})
const halfBack = (at: number) => {
  const [row, column] = [Math.floor(at / dim), at % dim]
  return sum(vocab, (v) => (halfLogits[row * vocab + v] ?? NaN) * (rounded[v * dim + column] ?? NaN))
}
const backPlaces = [0, 1, dim - 1, rows * dim - 1]
expectSmall('head in f16 backwards, dLogits W', worst(await floats(dX), backPlaces, halfBack), 1e-4)

// More workgroups than an axis has: 65,536 rows of the twin's tiles of 32, more of smaller ones.
const long = 32 * 65535 + 5
const tall = place(
  Float32Array.from({ length: long }, (_, i) => i % 1000),
  'tall',
)
const three = place(Float32Array.of(3), 'three')
for (const axis of ['m', 'n'] as const) {
  const [m, n] = axis === 'm' ? [long, 1] : [1, long]
  const [a, b] = axis === 'm' ? [tall, three] : [three, tall]
  const out = window(4 * long, 'out')
  device.run('matmul', { a, b, bias: null, out }, { ...head, m, n, k: 1, pitchA: 1, pitchOut: n })
  const got = await floats(out)
  const wrong = got.findIndex((value, i) => value !== 3 * (i % 1000))
  if (wrong >= 0) throw new Error(`a product whose ${axis} is ${long}: element ${wrong} is ${got[wrong]}`)
  console.log(`a product whose ${axis} is ${long}: right`)
}
device.dispose()
