import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { f32ToF16 } from '../../src/core/float16.ts'
import { Random } from '../../src/core/random.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { readGgufHeader } from '../../src/gguf/header.ts'
import { ggufTensors } from '../../src/gguf/reader.ts'
import { checkpointOf } from '../../src/io/load/checkpoint.ts'
import { loadMatrix, type MatrixLoading } from '../../src/io/load/load-matrix.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import type { WeightSpec } from '../../src/models/causal-lm.ts'
import { Embedding } from '../../src/nn/embedding.ts'
import { TiedHead } from '../../src/nn/language-head.ts'
import { quantize } from '../../src/nn/quantize.ts'
import { quantizeMatrix } from '../../src/formats/quantize-matrix.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { matmul } from '../../src/ops/matmul.ts'
import { bytesSource } from '../../src/safetensors/index.ts'
import { StoredMatrix } from '../../src/tensor/stored-matrix.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { ggufFile } from '../gguf/gguf-file.ts'
import { temporaryFolder } from '../io/tiny-files.ts'
import { maxDifference, tinyFalcon } from '../peft/tiny-falcon.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

const rows = 70
/** By ggml's number: bytes of a block, where its f16 numbers are, and bits an element on the device. */
const types = [
  ['Q8_0', { id: 8, columns: 544, size: 32, bytes: 34, halves: [0], bitsPerWeight: 9 }],
  ['Q4_0', { id: 2, columns: 544, size: 32, bytes: 18, halves: [0], bitsPerWeight: 5 }],
  ['Q4_1', { id: 3, columns: 544, size: 32, bytes: 20, halves: [0, 2], bitsPerWeight: 5 }],
  ['Q5_0', { id: 6, columns: 544, size: 32, bytes: 22, halves: [0], bitsPerWeight: 5.5 }],
  ['Q5_1', { id: 7, columns: 544, size: 32, bytes: 24, halves: [0, 2], bitsPerWeight: 6 }],
  ['Q4_K', { id: 12, columns: 512, size: 256, bytes: 144, halves: [0, 2], bitsPerWeight: 4.625 }],
  ['Q5_K', { id: 13, columns: 512, size: 256, bytes: 176, halves: [0, 2], bitsPerWeight: 5.625 }],
  ['Q6_K', { id: 14, columns: 512, size: 256, bytes: 210, halves: [208], bitsPerWeight: 6.625 }],
] as const
type Blocks = (typeof types)[number][1]

/** Scales that formats go wrong by: zeros, a subnormal f16, the smallest normal one, and of both signs. */
const scales = [0.0123, -0.37, 0, -0, 2 ** -24, -(2 ** -14), 0.5]
/** K-quants multiply them by codes. */
const small = scales.map((scale) => scale / 64)

/** A file of one matrix: codes are random, but for -128, which ggml never writes in Q8_0. */
function fileOf(
  { id, columns, size, bytes, halves }: Blocks,
  change: (data: Uint8Array) => void = () => {},
): Uint8Array {
  const count = (rows * columns) / size
  const offset = ggufFile({ tensors: [{ name: 'w', sizes: [columns, rows], type: id, offset: 0 }] }).length
  const file = ggufFile({ tensors: [{ name: 'w', sizes: [columns, rows], type: id, offset: 0 }], data: count * bytes })
  const data = file.subarray(offset)
  const random = new Random(5)
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(256 * random.uniform())
  if (id === 8) data.forEach((code, i) => (data[i] = code === 128 ? 129 : code))
  const ofType = size === 256 ? small : scales
  for (const [nth, place] of halves.entries()) {
    const bits = f32ToF16(Float32Array.from({ length: count }, (_, i) => ofType[(i + 2 * nth) % ofType.length] ?? 0))
    bits.forEach((half, i) => data.set([half & 255, half >> 8], i * bytes + place))
  }
  change(data)
  return file
}

async function open(file: Uint8Array) {
  const source = bytesSource(file, 'f')
  return checkpointOf(ggufTensors(source, await readGgufHeader(source)))
}

const spec = { name: 'w', role: 'projection', init: 'normal' } as const

describe.each(devices)('blocks of a GGUF file, on $description', (device) => {
  const load = async (file: Uint8Array, how: Partial<MatrixLoading> = {}, changed: Partial<WeightSpec> = {}) => {
    const checkpoint = await open(file)
    const { shape } = checkpoint.info('w')
    const matrix = await loadMatrix(checkpoint, { ...spec, shape, ...changed }, { device, ...how })
    onTestFinished(() => matrix.dispose())
    return matrix
  }

  it.each(types)("are kept in %s, and decoded to the numbers of the gguf package's dequantize", async (_, blocks) => {
    const file = fileOf(blocks)
    const expected = await (await open(file)).readF32('w')
    const w = await load(file)
    expect(w).toBeInstanceOf(StoredMatrix)
    expect((8 * w.byteLength) / w.count).toBe(blocks.bitsPerWeight)
    const scope = device.memory.open()
    const values = await dequantize(w).read()
    // A GPU divides codes by 127 first, and may take the smallest numbers for 0.
    if (device.kind === 'cpu' || blocks.id !== 8) expect(values.map((x) => x || 0)).toEqual(expected.map((x) => x || 0))
    else expect(maxDifference(values, expected)).toBeLessThan(127 * 0.5 * 2 ** -22)
    scope.close()
  })

  it.each(types)('of %s are multiplied by as the numbers that they stand for, both ways', async (_, blocks) => {
    const file = fileOf(blocks)
    const { columns } = blocks
    const expected = await (await open(file)).readF32('w')
    const w = await load(file)
    const random = new Random(9)
    const scope = device.memory.open()
    for (const [m, transB] of [
      [1, true],
      [5, true],
      [21, true],
      [3, false],
      [21, false],
    ] as const) {
      const [inner, outer] = transB ? [columns, rows] : [rows, columns]
      const x = Float32Array.from({ length: m * inner }, () => random.normal() / 64)
      const got = await matmul(fromArray(device, x, [m, inner], 'x'), w, { transB }).read()
      const wanted = Float64Array.from({ length: m * outer }, (_, e) => {
        const [i, j] = [Math.floor(e / outer), e % outer]
        let sum = 0
        for (let p = 0; p < inner; p++)
          sum += (x[i * inner + p] ?? 0) * (expected[transB ? j * columns + p : p * columns + j] ?? 0)
        return sum
      })
      expect(maxDifference(got, wanted)).toBeLessThan(5e-4)
    }
    scope.close()
  })

  it.each(types)('of %s are decoded where another storage is asked for', async (_, blocks) => {
    const file = fileOf(blocks)
    // Tables of a format are made once and stay.
    const first = await load(file, { quantize: { type: 'nf4' } })
    first.dispose()
    const before = device.memory.liveBytes
    const made = [
      await load(file, { quantize: false }),
      await load(file, { quantize: { type: 'nf4' } }),
      await load(file, { quantize: false, dtype: 'bf16' }, { role: 'embedding' }),
      await load(file, { quantize: { type: 'nf4' } }, { role: 'embedding' }),
    ]
    expect(made.map((w) => (w instanceof StoredMatrix ? w.recipe.type : w.dtype))).toEqual([
      ...['f32', 'nf4', 'bf16', 'f32'],
    ])
    for (const w of made) w.dispose()
    expect(device.memory.liveBytes).toBe(before)
  })

  it.each(types)(
    'of %s are a table: its rows are the decoded ones to the bit, a tied head its product',
    async (_, its) => {
      const w = await load(fileOf(its), { dtype: 'f16' }, { role: 'embedding' })
      expect(w).toBeInstanceOf(StoredMatrix)
      const scope = device.memory.open()
      const values = await dequantize(w).read()
      const embeddings = new Embedding(w)
      const ids = [69, 0, 7, 0, 33]
      const found = embeddings.forward(fromArray(device, Int32Array.from(ids), [5, 1], 'ids'))
      expect(found.shape).toEqual([5, 1, its.columns])
      expect(await found.read()).toEqual(
        Float32Array.from(ids.flatMap((id) => [...values.subarray(id * its.columns, (id + 1) * its.columns)])),
      )
      const random = new Random(9)
      const x = fromArray(
        device,
        Float32Array.from({ length: 3 * its.columns }, () => random.normal()),
        [3, its.columns],
      )
      const head = new TiedHead(() => embeddings)
      expect([head.outFeatures, head.inFeatures]).toEqual([rows, its.columns])
      expect(await head.forward(x).read()).toEqual(await matmul(x, w, { transB: true }).read())
      scope.close()
    },
  )

  it.each(['q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k'] as const)(
    'of %s are made of numbers by steps of the extremes of a block',
    async (type) => {
      const scope = device.memory.open()
      const random = new Random(3)
      const values = Float32Array.from({ length: 15 * 512 }, (_, i) => random.normal() / (1 + (i % 9)))
      values.fill(0, 256, 768)
      values.fill(-0.25, 1024, 1280)
      const stored = quantizeMatrix(fromArray(device, values, [15, 512], 'x'), { type })
      const again = await dequantize(stored).read()
      const bits = Number(type[1])
      for (let block = 0; block < values.length; block += 32) {
        const own = values.subarray(block, block + 32)
        const [low, high] = [Math.min(0, ...own), Math.max(0, ...own)]
        // Half a step, or with a sign's code for the largest one; scales are f16, of K-quants by 6 or 8 bits more.
        const isSigned = type === 'q5_0' || type === 'q6_k'
        const step = isSigned ? Math.max(high, -low) / 2 ** (bits - 1) : (high - low) / (2 ** bits - 1)
        const most = step * (isSigned ? 1 : 0.5) + Math.max(high, -low) * (type.endsWith('k') ? 0.09 : 2 ** -10)
        expect(maxDifference(again.subarray(block, block + 32), own)).toBeLessThanOrEqual(most)
      }
      // What was made of blocks gives them again.
      const twice = await dequantize(quantizeMatrix(fromArray(device, again, [15, 512], 'x'), { type })).read()
      if (!type.endsWith('k')) expect(maxDifference(twice, again)).toBeLessThan(2 ** -9)
      scope.close()
    },
  )

  it.each(['q8_0', 'q4_0'] as const)('of %s are made of numbers, to be merged into', async (type) => {
    const scope = device.memory.open()
    const random = new Random(3)
    const values = Float32Array.from({ length: 64 * 96 }, () => random.normal())
    const stored = quantizeMatrix(fromArray(device, values, [64, 96], 'x'), { type })
    const again = await dequantize(stored).read()
    const step = type === 'q8_0' ? 1 / 127 : 1 / 8
    for (let block = 0; block < values.length; block += 32) {
      const own = values.subarray(block, block + 32)
      const largest = own.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
      for (const [i, x] of own.entries()) {
        // Half a step, but above the last code of Q4_0, 7 eighths; codes of Q8_0 are made from f16.
        const most = type === 'q4_0' && x > (7 / 8) * largest ? step : step / 2
        expect(Math.abs((again[block + i] ?? NaN) - x)).toBeLessThanOrEqual((most + 2 ** -11) * largest)
      }
    }
    scope.close()
  })
})

describe('blocks of a GGUF file', () => {
  it('are refused where kernels would read other numbers, and where a scale is none', async () => {
    const device = await openCpuDevice({ threads: 1 })
    onTestFinished(() => device.dispose())
    const [[, q8], , [, q4], , , [, k4], , [, k6]] = types
    const load = async (change: (data: Uint8Array) => void, blocks: Blocks = q8) =>
      loadMatrix(await open(fileOf(blocks, change)), { ...spec, shape: [rows, blocks.columns] }, { device })
    await expect(load((data) => (data[2 + 7] = 128))).rejects.toThrow(/code of -128.*quantize: false/)
    await expect(load((data) => data.set([0, 0x7c], 0))).rejects.toThrow('scale 0 of the checkpoint is NaN or infinite')
    const none = (at: number) => (data: Uint8Array) => data.set([1, 0xfc], at)
    await expect(load(none(22), q4)).rejects.toThrow('scale 3 of the checkpoint is NaN or infinite')
    await expect(load(none(2), k4)).rejects.toThrow('scale 1 of the checkpoint is NaN or infinite')
    await expect(load(none(208), k6)).rejects.toThrow('scale 0 of the checkpoint is NaN or infinite')
  })

  it('have no options, and rows of whole blocks', async () => {
    const device = await openCpuDevice({ threads: 1 })
    onTestFinished(() => device.dispose())
    const x = fromArray(device, new Float32Array(80), [2, 40], 'x')
    expect(() => quantizeMatrix(x, { type: 'q4_0', blockSize: 64 })).toThrow('q4_0 has blocks of 32')
    expect(() => quantizeMatrix(x, { type: 'q8_0', doubleQuant: true })).toThrow('q8_0 has blocks of 32')
    expect(() => quantizeMatrix(x, { type: 'q8_0' })).toThrow("rows of [2,40] are not made of q8_0's blocks of 32")
  })

  it('are saved as the numbers that they stand for alone', async () => {
    const device = await openCpuDevice({ threads: 1 })
    onTestFinished(() => device.dispose())
    const model = await tinyFalcon(device)
    quantize(model, 'q8_0')
    const folder = await temporaryFolder()
    await expect(saveModel(model, folder)).rejects.toThrow(/GGUF's blocks.*dequantize: true/)
    expect((await saveModel(model, folder, { dequantize: true })).files).toContain('model.safetensors')
  })
})
