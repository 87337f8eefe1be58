import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { Random } from '../../src/core/random.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { registerStorageFormat } from '../../src/formats/formats.ts'
import { inspectModel } from '../../src/io/plan/inspect-model.ts'
import { describeMemoryPlan } from '../../src/io/plan/describe-memory-plan.ts'
import { planMemory } from '../../src/io/plan/memory-plan.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import { parseFalconConfig } from '../../src/models/falcon/falcon-config.ts'
import { quantize, type QuantizeOptions } from '../../src/nn/quantize.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { matmul } from '../../src/ops/matmul.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { diskFolder, fileFolder, openTensors } from '../../src/io/sources/folder.ts'
import type { TensorToWrite } from '../../src/safetensors/writer.ts'
import { StoredMatrix } from '../../src/tensor/stored-matrix.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { changedTiny, temporaryFolder } from '../io/tiny-files.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyText } from '../peft/tiny-falcon.ts'
import { joinBlocks, Q8Tensor, q8, q8FromBlocks, splitBlocks } from './q8-0.ts'

registerStorageFormat(q8)
const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

/**
 * ggml's quantize_row_q8_0_ref: scale = max|x| / 127 in f16, code = round(x / scale) by the scale before it was
 * rounded.
 */
function blocksOf(values: Float32Array): Uint8Array {
  const [codes, absmax] = [new Uint8Array(values.length), new Float32Array(values.length / 32)]
  const signed = new Int8Array(codes.buffer)
  for (let block = 0; block < absmax.length; block++) {
    const own = values.subarray(32 * block, 32 * block + 32)
    const scale = own.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127
    absmax[block] = 127 * scale
    own.forEach((x, i) => (signed[32 * block + i] = scale === 0 ? 0 : Math.round(x / scale)))
  }
  return joinBlocks(codes, absmax)
}

/** What blocks stand for, in doubles: code · scale. */
function valuesOf(bytes: Uint8Array): Float64Array {
  const { codes, absmax } = splitBlocks(bytes)
  const signed = new Int8Array(codes.buffer)
  return Float64Array.from(signed, (code, i) => (code * (absmax[Math.floor(i / 32)] ?? NaN)) / 127)
}

const config = parseFalconConfig(JSON.parse(await tinyText('config.json')) as Record<string, unknown>)
const projections = new Set(modelWeights(config).flatMap(({ name, role }) => (role === 'projection' ? [name] : [])))

/** The tiny model, each projection changed. */
const withProjections = (change: (tensor: TensorToWrite, blocks: Uint8Array) => TensorToWrite[]) =>
  changedTiny((tensors) =>
    tensors.flatMap((tensor) =>
      projections.has(tensor.name) ? change(tensor, blocksOf(tensor.data as Float32Array)) : [tensor],
    ),
  )
const asBlocks = () =>
  withProjections(({ name }, blocks) => [
    { name, dtype: 'U8', shape: [blocks.length], data: blocks },
    { name: `${name}.ggml_type`, dtype: 'U8', shape: [], data: Uint8Array.of(8) },
  ])
const asNumbers = () => withProjections((tensor, blocks) => [{ ...tensor, data: Float32Array.from(valuesOf(blocks)) }])

describe.each(devices)('a format that was added, on $description', (device) => {
  const logitsOf = async (source: File[] | string) => {
    const { model } = await loadModel(source, { device })
    const { batch } = await tinyBatch()
    const logits = model.forward(batch)
    const values = await logits.read()
    logits.dispose()
    model.dispose()
    return values
  }

  it.each([
    [1, 40, 96],
    [3, 33, 64],
    [5, 70, 544],
    [21, 64, 1056],
  ])('multiplies %i rows by its [%i, %i] as the numbers that it stands for', async (m, n, k) => {
    const scope = device.memory.open()
    const random = new Random(7)
    const blocks = blocksOf(Float32Array.from({ length: n * k }, () => random.normal()))
    const values = valuesOf(blocks)
    const w = q8FromBlocks(device, blocks, [n, k])
    expect(maxDifference(await dequantize(w).read(), values)).toBeLessThan(1e-6)
    for (const transB of [true, false]) {
      const [inner, outer] = transB ? [k, n] : [n, k]
      const x = Float32Array.from({ length: m * inner }, () => random.normal())
      const got = await matmul(fromArray(device, x, [m, inner], 'x'), w, { transB }).read()
      const wanted = Float64Array.from({ length: m * outer }, (_, e) => {
        const [i, j] = [Math.floor(e / outer), e % outer]
        let sum = 0
        for (let p = 0; p < inner; p++) sum += (x[i * inner + p] ?? 0) * (values[transB ? j * k + p : p * k + j] ?? 0)
        return sum
      })
      expect(maxDifference(got, wanted)).toBeLessThan(3e-4)
    }
    scope.close()
  })

  it('loads from a checkpoint, computes with what is there, and is saved byte for byte', async () => {
    const before = device.memory.liveBytes
    const files = await asBlocks()
    expect(maxDifference(await logitsOf(files), await logitsOf(await asNumbers()))).toBeLessThan(1e-4)
    const { model, storage } = await loadModel(files, { device })
    expect(storage.projections.bitsPerWeight).toBe(9)
    const folder = await temporaryFolder()
    await saveModel(model, folder)
    model.dispose()
    const saved = await openTensors(diskFolder(folder), 'model.safetensors')
    const original = await openTensors(fileFolder(files), 'model.safetensors')
    for (const name of projections) {
      expect(await saved.readBytes(name)).toEqual(await original.readBytes(name))
      expect(await saved.readBytes(`${name}.ggml_type`)).toEqual(Uint8Array.of(8))
    }
    await saved.close()
    expect(await logitsOf(files)).toEqual(await logitsOf(folder))
    expect(device.memory.liveBytes).toBe(before)
  })

  it('is quantised to, in place and while loading, and merged into', async () => {
    const model = await tinyFalcon(device)
    expect(quantize(model, 'own_q8')).toHaveLength(projections.size)
    const stored = [...model.namedWeights()].filter(([, weight]) => weight instanceof StoredMatrix)
    expect(stored.every(([, weight]) => weight instanceof Q8Tensor)).toBe(true)
    attachLora(model, { r: 2 }, { device })
    await saveModel(model, await temporaryFolder(), { merge: 'force' })
    model.dispose()
    const { model: loaded, storage } = await loadModel(await changedTiny((tensors) => tensors), {
      ...{ device, quantize: { type: 'own_q8' }, measureError: true },
    })
    expect(storage.projections.bitsPerWeight).toBe(9)
    expect(storage.error?.relative).toBeLessThan(0.01)
    loaded.dispose()
  })
})

describe('a format that was added', () => {
  it('is in plans and reports', async () => {
    const plan = planMemory(config, { quantize: 'own_q8' })
    const count = modelWeights(config).reduce(
      (sum, { name, shape }) => sum + (projections.has(name) ? shape.reduce((a, b) => a * b) : 0),
      0,
    )
    expect(plan.weights['own_q8']).toBe((count / 32) * 36)
    expect(describeMemoryPlan(plan)).toMatch(/own Q8 weights [\d.]+ kB/)
    const report = await inspectModel(await asBlocks())
    expect(report).toMatchObject({
      quantization: { type: 'own_q8', blockSize: 32, doubleQuant: false, layers: projections.size },
    })
  })

  it('is one of the types that an error names, and has its own rules', async () => {
    const device = await openCpuDevice({ threads: 1 })
    onTestFinished(() => device.dispose())
    const load = async (quantize: QuantizeOptions | string) => {
      const { model } = await loadModel(await asBlocks(), { device, quantize })
      model.dispose()
    }
    await expect(load('q8_1')).rejects.toThrow(/'nf4', 'fp4', 'int8', 'q8_0', 'q4_0'.*'own_q8'/)
    await expect(load({ type: 'own_q8', blockSize: 64 })).rejects.toThrow('blocks of own_q8 are of 32')
  })

  it('does not fit a weight of another size', async () => {
    const cut = await withProjections(({ name }, blocks) => [
      { name, dtype: 'U8', shape: [blocks.length - 34], data: blocks.subarray(34) },
      { name: `${name}.ggml_type`, dtype: 'U8', shape: [], data: Uint8Array.of(8) },
    ])
    await expect(inspectModel(cut)).rejects.toThrow(/is \d+ bytes of own_q8/)
  })

  it('takes no name or type that there is', () => {
    expect(() => registerStorageFormat(q8)).toThrow(
      new MedAwareError('config', 'registerStorageFormat: there is a format "own_q8" already'),
    )
    expect(() => registerStorageFormat({ ...q8, name: 'other', types: ['nf4'] })).toThrow(
      'there is a format "nf4" already',
    )
  })
})
