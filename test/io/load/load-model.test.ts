import { afterAll, describe, expect, it } from 'vitest'
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../../src/core/float16.ts'
import { Random } from '../../../src/core/random.ts'
import { countOf } from '../../../src/core/shape.ts'
import { diskFolder, writeFolder } from '../../../src/io/sources/folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { LoadProgress } from '../../../src/io/load/load-options.ts'
import { formatFalconConfig, parseFalconConfig } from '../../../src/models/falcon/falcon-config.ts'
import type { PretrainedLm } from '../../../src/models/causal-lm.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { quantizeFourBit } from '../../../src/formats/four-bit/quantize-four-bit.ts'
import { dequantizeInt8, quantizeInt8 } from '../../../src/quant/int8.ts'
import { encodeFloats } from '../../../src/safetensors/float16.ts'
import { writeSafetensors, type TensorToWrite } from '../../../src/safetensors/writer.ts'
import { FourBitTensor } from '../../../src/formats/four-bit/four-bit-tensor.ts'
import { Int8Tensor } from '../../../src/formats/int8/int8-tensor.ts'
import { type Tensor, zeros } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, tinyBatch, tinyFile } from '../../peft/tiny-falcon.ts'
import { changedTiny, filesOf, temporaryFolder, tensorsOf, tinyBytes, tinyFolder } from '../tiny-files.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const reference = await tinyFile('reference.safetensors')
const projectionNames = ['query_key_value', 'dense', 'dense_h_to_4h', 'dense_4h_to_h']
const parameters = [...(await tinyFile('model.safetensors')).names].length

describe.each(devices)('loadModel on $description', (device) => {
  const { memory } = device
  // Tables are made once a device, and kept.
  memory.scoped(() => quantizeFourBit(zeros(device, [1, 64], 'x')))
  const logitsOf = async (model: PretrainedLm) => {
    const logits = model.forward((await tinyBatch()).batch)
    const values = await logits.read()
    logits.dispose()
    return values
  }

  it('reads a folder on disk, and reports', async () => {
    const before = memory.liveBytes
    const progress: LoadProgress[] = []
    const { model, tokenizer, storage, name } = await loadModel(tinyFolder, {
      device,
      onProgress: (at) => progress.push(at),
    })
    expect(maxDifference(await logitsOf(model), await reference.readF32('logits'))).toBeLessThan(1e-4)
    expect([tokenizer, name]).toEqual([null, tinyFolder])
    const count = [...model.namedWeights()].reduce((sum, [, weight]) => sum + weight.count, 0)
    expect(storage).toEqual({
      parameters: count,
      checkpointBytes: 4 * count,
      bytes: 4 * count,
      projections: { parameters: 2 * 8192, bytes: 8 * 8192, bitsPerWeight: 32 },
      error: null,
    })
    expect(progress).toHaveLength(parameters)
    expect(progress[0]).toEqual({
      phase: 'load',
      tensor: 'transformer.word_embeddings.weight',
      done: 1,
      total: parameters,
      bytesDone: 4 * 64 * 32,
    })
    expect(progress.at(-1)).toMatchObject({ done: parameters, bytesDone: memory.liveBytes - before })
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('reads files, in any scope, and a folder in parts', async () => {
    const wanted = await reference.readF32('logits')
    const files = filesOf({
      'config.json': await tinyBytes('config.json'),
      'model.safetensors': await tinyBytes('model.safetensors'),
    })
    const scope = memory.open()
    const { model, name } = await loadModel(files, { device })
    scope.close()
    expect(name).toBe('the given files')
    expect(maxDifference(await logitsOf(model), wanted)).toBeLessThan(1e-4)
    model.dispose()

    const tensors = await tensorsOf(await tinyBytes('model.safetensors'))
    const shardOf = (i: number) => `model-0000${1 + (i % 2)}-of-00002.safetensors`
    const weightMap = Object.fromEntries(tensors.map((tensor, i) => [tensor.name, shardOf(i)]))
    const path = await temporaryFolder()
    await writeFolder(
      path,
      new Map<string, Uint8Array | string>([
        ['config.json', await tinyBytes('config.json')],
        ['model.safetensors.index.json', JSON.stringify({ metadata: {}, weight_map: weightMap })],
        [shardOf(0), writeSafetensors(tensors.filter((_, i) => i % 2 === 0))],
        [shardOf(1), writeSafetensors(tensors.filter((_, i) => i % 2 === 1))],
      ]),
    )
    const sharded = await loadModel(diskFolder(path), { device })
    expect(maxDifference(await logitsOf(sharded.model), wanted)).toBeLessThan(1e-4)
    sharded.model.dispose()
  })

  it('reads a head that is stored a second time', async () => {
    const files = await changedTiny((tensors) => {
      const table = tensors.find(({ name }) => name === 'transformer.word_embeddings.weight')
      return table ? [...tensors, { ...table, name: 'lm_head.weight' }] : []
    })
    const { model } = await loadModel(files, { device })
    expect(maxDifference(await logitsOf(model), await reference.readF32('logits'))).toBeLessThan(1e-4)
    model.dispose()
  })

  it('quantises on the way to 4.127 bits a weight, and measures what that changed', async () => {
    const files = await gaussianModel()
    const before = memory.liveBytes
    memory.resetPeak()
    const { model, storage } = await loadModel(files, { device, quantize: {}, measureError: true })
    expect(storage.projections.parameters).toBe(12 * 128 * 128)
    expect(storage.projections.bitsPerWeight).toBeCloseTo(4.127, 2)
    // The error of NF4 in blocks of 64 on N(0, 0.02²), whose mean magnitude is 0.02 √(2/π).
    expect((storage.error?.meanAbsolute ?? NaN) / 0.02).toBeCloseTo(0.0728, 3)
    expect(storage.error?.relative).toBeCloseTo(0.0728 / Math.sqrt(2 / Math.PI), 3)
    expect(memory.liveBytes - before).toBe(storage.bytes)
    const largest = 4 * 4 * 128 * 128
    expect(memory.peakBytes - before).toBeLessThan(storage.bytes + 2.5 * largest)
    const kinds = [...model.namedWeights()].map(([name, weight]) => [name, weight instanceof FourBitTensor] as const)
    expect(kinds.filter(([, isFourBit]) => isFourBit).map(([name]) => name)).toEqual(
      ['self_attention.query_key_value', 'self_attention.dense', 'mlp.dense_h_to_4h', 'mlp.dense_4h_to_h'].map(
        (name) => `transformer.h.0.${name}.weight`,
      ),
    )
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('stores matrices in f16 where asked to, rounded to nearest, and computes with those', async () => {
    const half = (values: Float32Array) => f16ToF32(f32ToF16(values))
    const rounded = await changedTiny((tensors) =>
      tensors.map((tensor) =>
        tensor.shape.length === 2 ? { ...tensor, data: half(tensor.data as Float32Array) } : tensor,
      ),
    )
    const { model: plain } = await loadModel(rounded, { device })
    const wanted = await logitsOf(plain)
    plain.dispose()
    const before = memory.liveBytes
    const { model, storage } = await loadModel(tinyFolder, { device, dtype: 'f16' })
    const dtypes = [...model.namedWeights()].map(([, weight]) => [
      weight.shape.length,
      'dtype' in weight && weight.dtype,
    ])
    expect(new Set(dtypes.map((pair) => pair.join()))).toEqual(new Set(['2,f16', '1,f32']))
    expect(storage.projections.bitsPerWeight).toBe(16)
    expect(memory.liveBytes - before).toBe(storage.bytes)
    expect(maxDifference(await logitsOf(model), wanted)).toBeLessThan(1e-5)
    // In bfloat16 none of its numbers is beyond f16's range, and those of a checkpoint in F16 are copied.
    for (const dtype of ['F16', 'BF16'] as const) {
      const encoded = await changedTiny((tensors) =>
        tensors.map(({ name, shape, data }) => ({
          name,
          shape,
          dtype,
          data: encodeFloats(data as Float32Array, dtype),
        })),
      )
      const { model: again } = await loadModel(encoded, { device, dtype: 'f16' })
      const table = [...again.namedWeights()].find(([name]) => name.includes('word_embeddings'))?.[1] as Tensor
      const original = await (await tinyFile('model.safetensors')).readF32('transformer.word_embeddings.weight')
      const once = dtype === 'F16' ? original : bf16ToF32(f32ToBf16(original))
      expect(await table.read()).toEqual(half(once))
      again.dispose()
    }
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('quantises to int8 on the way, and reads what is int8 already', async () => {
    const isProjection = ({ name, shape }: TensorToWrite) => shape.length === 2 && !name.includes('embeddings')
    const rowsOf = ({ shape, data }: TensorToWrite) => quantizeInt8(data as Float32Array, shape[0] ?? 0, shape[1] ?? 0)
    const decoded = await changedTiny((tensors) =>
      tensors.map((tensor) => (isProjection(tensor) ? { ...tensor, data: dequantizeInt8(rowsOf(tensor)) } : tensor)),
    )
    const { model: plain } = await loadModel(decoded, { device })
    const wanted = await logitsOf(plain)
    plain.dispose()
    const stored = await changedTiny((tensors) =>
      tensors.flatMap((tensor): TensorToWrite[] => {
        if (!isProjection(tensor)) return [tensor]
        const { codes, scale } = rowsOf(tensor)
        const beside = (key: string) => tensor.name.replace(/weight$/, key)
        return [
          { ...tensor, dtype: 'I8', data: codes },
          { name: beside('SCB'), dtype: 'F32', shape: [scale.length], data: scale },
          { name: beside('weight_format'), dtype: 'U8', shape: [], data: Uint8Array.of(0) },
        ]
      }),
    )
    const before = memory.liveBytes
    for (const [source, options] of [
      [tinyFolder, { quantize: { type: 'int8' }, measureError: true }],
      [stored, {}],
    ] as const) {
      const { model, storage } = await loadModel(source, { device, ...options })
      expect(maxDifference(await logitsOf(model), wanted)).toBeLessThan(1e-5)
      const kinds = [...model.namedWeights()].filter(([, weight]) => weight instanceof Int8Tensor)
      expect(kinds.map(([name]) => name.split('.').at(-2))).toEqual(projectionNames.concat(projectionNames))
      expect(storage.projections.bitsPerWeight).toBe(8 + (32 * 224) / 8192)
      if (source === tinyFolder) {
        expect(storage.error?.relative).toBeGreaterThan(1e-3)
        expect(storage.error?.relative).toBeLessThan(1e-2)
      }
      expect(memory.liveBytes - before).toBe(storage.bytes)
      model.dispose()
      expect(memory.liveBytes).toBe(before)
    }
  })

  it('reads what bitsandbytes quantised, as it is', async () => {
    const files = filesOf({
      'config.json': await tinyBytes('config.json'),
      'model.safetensors': await tinyBytes('qlora/model-bnb-4bit.safetensors'),
    })
    const before = memory.liveBytes
    const { model, storage } = await loadModel(files, { device })
    const logits = model.forward({ inputIds: await idsOf('qlora/reference.safetensors'), shape: [2, 12] })
    const wanted = await (await tinyFile('qlora/reference.safetensors')).readF32('base_logits')
    expect(maxDifference(await logits.read(), wanted)).toBeLessThan(1e-4)
    expect(storage.projections.bitsPerWeight).toBeLessThan(4.3)
    expect(memory.liveBytes - before - logits.byteLength).toBe(storage.bytes)
    logits.dispose()
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })
})

async function idsOf(name: string): Promise<Int32Array> {
  return (await (await tinyFile(name)).read('input_ids')) as Int32Array
}

/** A Falcon-RW of 200,000 weights, all N(0, 0.02²). */
async function gaussianModel(): Promise<File[]> {
  const json = JSON.parse(new TextDecoder().decode(await tinyBytes('config.json'))) as Record<string, unknown>
  const sizes = { hidden_size: 128, num_hidden_layers: 1, num_attention_heads: 4, ffn_hidden_size: 512, vocab_size: 8 }
  const config = parseFalconConfig({ ...json, ...sizes })
  const random = new Random(9)
  const tensors = modelWeights(config).map(({ name, shape }) => {
    const data = Float32Array.from({ length: countOf(shape) }, () => 0.02 * random.normal())
    return { name, shape, dtype: 'F32' as const, data }
  })
  return filesOf({
    'config.json': JSON.stringify(formatFalconConfig(config)),
    'model.safetensors': writeSafetensors(tensors),
  })
}
