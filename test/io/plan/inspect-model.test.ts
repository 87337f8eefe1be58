import { expect, describe, it } from 'vitest'
import { DryDevice } from '../../../src/device/dry-device.ts'
import { checkpointOf } from '../../../src/io/load/checkpoint.ts'
import { checkRoom } from '../../../src/io/plan/check-room.ts'
import { type Folder, openTensors } from '../../../src/io/sources/folder.ts'
import { inspectModel, type ModelReport } from '../../../src/io/plan/inspect-model.ts'
import { dryWeights } from '../../../src/io/plan/dry-weights.ts'
import { tensorsToSave, type SaveDType } from '../../../src/io/save/tensors-to-save.ts'
import { createModel, formatModelConfig, modelWeights } from '../../../src/models/architectures.ts'
import { falconRwConfig } from '../../../src/models/falcon/falcon-config.ts'
import type { QuantizeOptions } from '../../../src/nn/quantize.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { encodeSafetensorsHeader } from '../../../src/safetensors/writer.ts'
import { checkedDevice } from '../dry-limits.ts'
import { filesOf, tinyFolder } from '../tiny-files.ts'

const config = falconRwConfig({ vocabSize: 50304, hiddenSize: 2048, numHiddenLayers: 24, numAttentionHeads: 32 })

/** falcon-rw-1b's tensors as a GGUF file might have them, of which no number can be read. */
async function blocksOf(typeOf: (name: string) => string) {
  const reader = await openTensors(await headersOf('f16', false), 'model.safetensors')
  return { ...reader, info: (name: string) => ({ ...reader.info(name), storedAs: typeOf(name) }) }
}

/**
 * falcon-rw-1b's files, of which no weight can be read: headers, configs and the words of a quantised layer are all
 * there is.
 */
async function headersOf(dtype: SaveDType, quantize: QuantizeOptions | false): Promise<Folder> {
  const device = new DryDevice('cpu')
  const model = createModel(config, dryWeights(device, modelWeights(config), { quantize }))
  const tensors = await tensorsToSave('test', model, { dtype })
  const header = encodeSafetensorsHeader(tensors)
  const places = new Map(header.tensors.map(({ name, begin }) => [header.bytes.length + begin, name]))
  return {
    name: 'falcon-rw-1b',
    has: async (fileName) => fileName === 'config.json' || fileName === 'model.safetensors',
    open: async (fileName) => {
      if (fileName === 'config.json')
        return bytesSource(new TextEncoder().encode(JSON.stringify(formatModelConfig(config))))
      return {
        ...{ name: fileName, byteLength: header.fileBytes },
        read: async (begin, end) => {
          if (end <= header.bytes.length) return header.bytes.subarray(begin, end)
          const tensor = tensors.find(({ name }) => name === places.get(begin))
          if (tensor?.name.includes('quant_state') !== true) throw new Error(`${tensor?.name} is read`)
          return (await tensor.bytes()) as Uint8Array
        },
      }
    },
  }
}

describe('inspectModel', () => {
  it('counts falcon-rw-1b as PEFT does, by its header alone', async () => {
    const report = (await inspectModel(await headersOf('bf16', false))) as ModelReport
    expect(report).toMatchObject({
      ...{
        kind: 'model',
        name: 'falcon-rw-1b',
        architecture: 'FalconForCausalLM',
        quantization: null,
        tokenizer: null,
      },
      parameters: { all: 1_311_625_216, packed: 707_645_440 },
      adapter: {
        ...{ method: 'LoRA', settings: 'r=16 alpha=32 dropout=0 on query_key_value' },
        config: { r: 16, targetModules: ['query_key_value'] },
        trainable: 3_145_728,
        all: 1_314_770_944,
        allPacked: 710_791_168,
      },
      files: {
        ...{ tensors: 291, bytes: 2 * 1_311_625_216, dtypes: { BF16: { tensors: 291 } } },
        kinds: {
          projection: { tensors: 96, parameters: 1_207_959_552, bytes: 2 * 1_207_959_552 },
          embedding: { tensors: 1, parameters: 103_022_592 },
          vector: { tensors: 194, parameters: 643_072 },
        },
      },
    })
    expect(report.config.numHiddenLayers).toBe(24)
    expect(report.memory.load.weights).toMatchObject({ f32: 4 * 1_311_625_216, fourBit: 0 })
    expect(report.memory.train.weights.fourBit).toBeGreaterThanOrEqual(623_149_056)
    expect(report.memory.train.adapter).toBe(4 * 3_145_728)
  })

  it('says how a quantised one is stored, and loads it in its size', async () => {
    const report = (await inspectModel(await headersOf('f16', { type: 'nf4' }), {
      adapter: { r: 8, targetModules: 'all-linear' },
      ...{ batchSize: 2, length: 64 },
    })) as ModelReport
    expect(report.quantization).toEqual({ type: 'nf4', blockSize: 64, doubleQuant: true, layers: 96 })
    expect(report.parameters).toEqual({ all: 1_311_625_216, packed: 707_645_440 })
    expect(report.adapter.trainable).toBe(6_291_456)
    expect(report.files.dtypes).toMatchObject({ F16: { bytes: 2 * 103_665_664 } })
    expect(report.memory.load.weights.fourBit).toBe(report.memory.train.weights.fourBit)
  })

  it('says that int8 is stored', async () => {
    const { quantization, parameters } = (await inspectModel(await headersOf('f16', { type: 'int8' }))) as ModelReport
    expect(quantization).toEqual({ type: 'int8', blockSize: null, doubleQuant: false, layers: 96 })
    expect(parameters).toEqual({ all: 1_311_625_216, packed: 1_311_625_216 })
  })

  it('says the type of blocks that all projections of a GGUF file are in', async () => {
    const folder = await headersOf('f16', false)
    const inspect = async (typeOf: (name: string) => string) =>
      (await inspectModel({ ...folder, tensors: () => blocksOf(typeOf) })) as ModelReport
    const { quantization, parameters, memory } = await inspect(() => 'Q4_0')
    expect(quantization).toEqual({ type: 'q4_0', blockSize: 32, doubleQuant: false, layers: 96 })
    expect(parameters).toEqual({ all: 1_311_625_216, packed: 656_134_144 })
    expect(memory.load.weights).toMatchObject({ gguf: ((1_207_959_552 + 103_022_592) * 5) / 8 })
    const mixed = await inspect((name) => (name.includes('.3.') ? 'Q6_K' : 'Q8_0'))
    expect(mixed.quantization).toBeNull()
    const [rest, own] = [(23 * 9) / 8, 6.625 / 8]
    const gguf = (1_207_959_552 / 24) * (rest + own) + (103_022_592 * 9) / 8
    expect(mixed.memory.load.weights).toMatchObject({ gguf, f32: 4 * 643_072, fourBit: 0 })
    expect(mixed.memory.train.weights).toEqual(mixed.memory.load.weights)
    expect((await inspect((name) => (name.includes('.3.') ? 'Q4_0' : 'Q8_0'))).quantization).toBeNull()
  })

  it('finds room for the blocks of a GGUF file as they are kept, or as numbers', async () => {
    const specs = modelWeights(config)
    const check = async (type: string, freeBytes: number, quantize?: false) => {
      const device = checkedDevice('cpu', { bufferBytes: 2 ** 32, freeBytes })
      const reader = checkpointOf(await blocksOf(() => type))
      checkRoom(reader, specs, 'f', { device, ...(quantize === false && { quantize }) })
    }
    const [matrices, vectors] = [1_207_959_552 + 103_022_592, 643_072]
    for (const [type, bits] of [
      ['Q8_0', 9],
      ['Q4_1', 5],
      ['Q5_0', 5.5],
      ['Q4_K', 4.625],
      ['Q6_K', 6.625],
    ] as const) {
      const needed = (matrices * bits) / 8 + 4 * vectors
      await check(type, needed)
      await expect(check(type, needed - 1e6)).rejects.toMatchObject({ code: 'memory' })
      await expect(check(type, needed, false)).rejects.toMatchObject({ code: 'memory' })
    }
  })

  it('reads an adapter', async () => {
    const report = await inspectModel(`${tinyFolder}/adapters/lora-patterns`)
    expect(report).toMatchObject({
      ...{ kind: 'adapter', parameters: 6 * (32 + 96), files: { tensors: 2, dtypes: { F32: { tensors: 2 } } } },
      config: { r: 4, rankPattern: { query_key_value: 6 } },
    })
  })

  it('refuses what is neither, and a checkpoint that does not fit its config', async () => {
    await expect(inspectModel(filesOf({ 'a.txt': '' }))).rejects.toMatchObject({ code: 'not-found' })
    const folder = await headersOf('f16', false)
    const shorter = JSON.stringify(formatModelConfig({ ...config, numHiddenLayers: 23 }))
    const misfit: Folder = {
      ...folder,
      open: (name) =>
        name === 'config.json' ? Promise.resolve(bytesSource(new TextEncoder().encode(shorter))) : folder.open(name),
    }
    await expect(inspectModel(misfit)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining('transformer.h.23.input_layernorm.bias is not expected') as string,
    })
  })
})
