import { afterAll, describe, expect, it } from 'vitest'
import { DryDevice } from '../../../src/device/dry-device.ts'
import { diskFolder, fileFolder, readJson } from '../../../src/io/sources/folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { dryWeights } from '../../../src/io/plan/dry-weights.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import { tensorsToSave } from '../../../src/io/save/tensors-to-save.ts'
import type { PretrainedLm } from '../../../src/models/causal-lm.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { falconRwConfig } from '../../../src/models/falcon/falcon-config.ts'
import { quantize } from '../../../src/nn/quantize.ts'
import { type StorageOptions } from '../../../src/formats/quantize-matrix.ts'
import { dequantize } from '../../../src/ops/dequantize.ts'
import { openSafetensors } from '../../../src/safetensors/reader.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { tensorBytes } from '../../../src/safetensors/split.ts'
import { FourBitTensor } from '../../../src/formats/four-bit/four-bit-tensor.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { qloraFolder } from '../../golden/qlora-folder.ts'
import { tinyFalcon } from '../../peft/tiny-falcon.ts'
import { filesOf, tinyBytes, tinyFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

const filesOfModel = async (...args: Parameters<typeof modelFiles>) =>
  filesOf(Object.fromEntries(await modelFiles(...args)))
const openWeights = async (files: File[]) => openSafetensors(await fileFolder(files).open('model.safetensors'))

/** The bytes a model's weights are on the device. */
async function partsOf(model: PretrainedLm): Promise<Map<string, Uint8Array>> {
  const parts = new Map<string, Uint8Array>()
  for (const [name, weight] of model.namedWeights()) {
    for (const [i, tensor] of weight.tensors.entries()) parts.set(`${name} ${i}`, await tensor.readBytes())
  }
  return parts
}

const formats: readonly StorageOptions[] = [
  { type: 'nf4' },
  { type: 'nf4', doubleQuant: false },
  { type: 'nf4', blockSize: 128 },
  { type: 'fp4' },
  { type: 'fp4', doubleQuant: false, blockSize: 32 },
  { type: 'int8' },
]

describe('a quantised model', () => {
  it('that bitsandbytes wrote is written again byte for byte', async () => {
    const folder = qloraFolder(diskFolder(`${tinyFolder}/qlora`), diskFolder(tinyFolder))
    const { model } = await loadModel(folder, { device })
    const files = await modelFiles(model)
    expect(Buffer.compare(files.get('model.safetensors')!, await tinyBytes('qlora/model-bnb-4bit.safetensors'))).toBe(0)
    model.dispose()
  })

  it.each(formats)('%o is read back to the bit', async (format) => {
    const { model } = await loadModel(tinyFolder, { device, quantize: format })
    const before = device.memory.liveBytes
    const files = await filesOfModel(model, { maxShardSize: '20KB' })
    expect(device.memory.liveBytes).toBe(before)
    const { model: again } = await loadModel(files, { device })
    expect(await partsOf(again)).toEqual(await partsOf(model))
    again.dispose()
    model.dispose()
  })

  it("has bitsandbytes' keys and dtypes", async () => {
    const { model } = await loadModel(tinyFolder, { device, quantize: { type: 'fp4', doubleQuant: false } })
    const reader = await openWeights(await filesOfModel(model, { dtype: 'bf16' }))
    const layer = 'transformer.h.1.mlp.dense_4h_to_h.'
    const described = reader.names
      .filter((name) => name.startsWith(layer))
      .map((name) => `${name.slice(layer.length)} ${reader.info(name).dtype} ${reader.info(name).shape.join('x')}`)
    expect(described.sort()).toEqual([
      'bias BF16 32',
      'weight U8 1024x1',
      'weight.absmax F32 32',
      'weight.quant_map F32 16',
      'weight.quant_state.bitsandbytes__fp4 U8 78',
    ])
    expect(new TextDecoder().decode(await reader.readBytes(`${layer}weight.quant_state.bitsandbytes__fp4`))).toBe(
      '{"quant_type": "fp4", "blocksize": 64, "dtype": "bfloat16", "shape": [32, 64]}',
    )
    expect(reader.info('transformer.word_embeddings.weight').dtype).toBe('BF16')
    model.dispose()
  })

  it('in int8 has those of Linear8bitLt', async () => {
    const { model } = await loadModel(tinyFolder, { device, quantize: { type: 'int8' } })
    const files = await filesOfModel(model, { dtype: 'f16' })
    const reader = await openWeights(files)
    const layer = 'transformer.h.0.mlp.dense_h_to_4h.'
    const described = reader.names
      .filter((name) => name.startsWith(layer))
      .map((name) => {
        const { dtype, shape } = reader.info(name)
        return `${name.slice(layer.length)} ${dtype} [${shape.join(',')}]`
      })
    expect(described.sort()).toEqual(['SCB F32 [64]', 'bias F16 [64]', 'weight I8 [64,32]', 'weight_format U8 []'])
    expect(await reader.readBytes(`${layer}weight_format`)).toEqual(Uint8Array.of(0))
    const config = await readJson(fileFolder(files), 'config.json')
    expect(config['quantization_config']).toMatchObject({
      load_in_8bit: true,
      load_in_4bit: false,
      llm_int8_threshold: 6,
    })
    model.dispose()
  })

  it('says in its config what transformers builds its layers by', async () => {
    const model = await tinyFalcon(device)
    quantize(model, { skipModules: ['mlp.dense_4h_to_h'] })
    const config = await readJson(fileFolder(await filesOfModel(model, { dtype: 'f16' })), 'config.json')
    // As BitsAndBytesConfig.to_dict of transformers 5.23 gives it.
    expect(config).toMatchObject({ dtype: 'float16' })
    expect(config['quantization_config']).toEqual({
      _load_in_4bit: true,
      _load_in_8bit: false,
      bnb_4bit_compute_dtype: 'float16',
      bnb_4bit_quant_storage: 'uint8',
      bnb_4bit_quant_type: 'nf4',
      bnb_4bit_use_double_quant: true,
      llm_int8_enable_fp32_cpu_offload: false,
      llm_int8_has_fp16_weight: false,
      llm_int8_skip_modules: ['lm_head', 'transformer.h.0.mlp.dense_4h_to_h', 'transformer.h.1.mlp.dense_4h_to_h'],
      llm_int8_threshold: 6,
      load_in_4bit: true,
      load_in_8bit: false,
      quant_method: 'bitsandbytes',
    })
    model.dispose()
  })

  it('in two formats is refused, for transformers knows one', async () => {
    const { model } = await loadModel(tinyFolder, { device })
    quantize(model, { skipModules: ['dense'] })
    quantize(model, { type: 'fp4', doubleQuant: false })
    await expect(modelFiles(model)).rejects.toMatchObject({
      code: 'unsupported',
      message:
        'modelFiles: layers are stored as nf4, double-quantised and fp4; transformers reads one format a model, dequantize one of them',
    })
    expect((await modelFiles(model, { dequantize: true })).size).toBe(2)
    model.dispose()
  })

  it.each(['nf4', 'int8'] as const)('of %s is written as plain numbers when that is asked for', async (format) => {
    const model = await tinyFalcon(device, format)
    const before = device.memory.liveBytes
    const files = await filesOfModel(model, { dequantize: true })
    expect(device.memory.liveBytes).toBe(before)
    expect(await readJson(fileFolder(files), 'config.json')).not.toHaveProperty('quantization_config')
    const reader = await openWeights(files)
    for (const [name, weight] of model.namedWeights()) {
      const plain = weight instanceof Tensor ? weight : dequantize(weight)
      expect(await reader.readF32(name)).toEqual(await plain.read())
      if (plain !== weight) plain.dispose()
    }
    model.dispose()
  })

  it('of the size of falcon-rw-1b takes 623,149,056 bytes for its projections', async () => {
    const config = falconRwConfig({ vocabSize: 50304, hiddenSize: 2048, numHiddenLayers: 24, numAttentionHeads: 32 })
    const dry = new DryDevice('cpu')
    const model = new FalconForCausalLM(config, dryWeights(dry, modelWeights(config), { quantize: { type: 'nf4' } }))
    const quantised = [...model.namedWeights()]
      .filter(([, weight]) => weight instanceof FourBitTensor)
      .map(([name]) => name)
    const tensors = await tensorsToSave('test', model, { dtype: 'f16' })
    const bytesOf = (suffix: RegExp) =>
      tensors.filter(({ name }) => suffix.test(name)).reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
    expect(quantised.length).toBe(96)
    const codes = tensors
      .filter(({ name }) => quantised.includes(name))
      .reduce((sum, each) => sum + tensorBytes(each), 0)
    expect(codes + bytesOf(/weight\.(absmax|nested_absmax)$/)).toBe(623_149_056)
    expect(tensors.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(1_311_625_216)
  })
})

it('a tensor read alone is what is in the file', async () => {
  const { model } = await loadModel(tinyFolder, { device, quantize: { type: 'nf4' } })
  const reader = await openSafetensors(bytesSource((await modelFiles(model)).get('model.safetensors')!))
  for (const tensor of await tensorsToSave('test', model, {})) {
    const { buffer, byteOffset, byteLength } = await tensor.bytes()
    expect(new Uint8Array(buffer, byteOffset, byteLength)).toEqual((await reader.readBytes(tensor.name)).slice())
  }
  model.dispose()
})
