import { afterAll, describe, expect, it } from 'vitest'
import { inspectModel } from '../../../src/io/plan/inspect-model.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { planMemory } from '../../../src/io/plan/memory-plan.ts'
import { modelFiles, saveModel } from '../../../src/io/save/save-model.ts'
import { createModel, formatModelConfig, modelWeights, parseModelConfig } from '../../../src/models/architectures.ts'
import { falconRwConfig } from '../../../src/models/falcon/falcon-config.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { quantize } from '../../../src/nn/quantize.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { FourBitTensor } from '../../../src/formats/four-bit/four-bit-tensor.ts'
import { Int8Tensor } from '../../../src/formats/int8/int8-tensor.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { limitAllocations } from '../../device/limit-allocations.ts'
import { tinyFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const { model } = await loadModel(tinyFolder, { device })
const { config } = model
// Tables are made once a device, and kept.
for (const type of ['nf4', 'fp4'] as const) (await loadModel(tinyFolder, { device, quantize: type })).model.dispose()

/** What TypeScript would not let through. */
const unchecked = (value: unknown) => value as never

describe('options of models', () => {
  const load = (options: unknown) => loadModel(tinyFolder, unchecked({ device, ...(options as object) }))
  it.each<[string, () => unknown]>([
    [
      "loadModel: quantize must be 'nf4', 'fp4', 'int8', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k' or an object such as { type: 'nf4' } or false, got \"int4\"",
      () => load({ quantize: 'int4' }),
    ],
    ["such as { type: 'nf4' } or false, got true", () => load({ quantize: true })],
    [
      "loadModel: quantize.type must be 'nf4', 'fp4', 'int8', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k', got \"nf5\"",
      () => load({ quantize: { type: 'nf5' } }),
    ],
    [
      'loadModel: quantize: there is no option "bnb_4bit_quant_type"; did you mean type?',
      () => load({ quantize: { bnb_4bit_quant_type: 'nf4' } }),
    ],
    [
      'quantize: blockSize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, got 48',
      () => load({ quantize: { blockSize: 48 } }),
    ],
    ['quantize: int8 has a scale for each row', () => load({ quantize: { type: 'int8', blockSize: 64 } })],
    [
      'loadModel: quantize.skipModules must be a list of a text, got "mlp"',
      () => load({ quantize: { skipModules: 'mlp' } }),
    ],
    ["loadModel: dtype must be 'f32', 'f16', 'bf16', got \"int8\"", () => load({ dtype: 'int8' })],
    ['loadModel: there is no option "quantise"; did you mean quantize?', () => load({ quantise: {} })],
    ['loadModel: there is no option "load_in_4bit"; did you mean quantize?', () => load({ load_in_4bit: true })],
    ['loadModel: there is no option "torch_dtype"; did you mean dtype?', () => load({ torch_dtype: 'float16' })],
    [
      'loadModel: options must be an object such as { device: … }, got "int8"',
      () => loadModel(tinyFolder, unchecked('int8')),
    ],
    [
      'loadModel: device must be a device, such as openDevice gives, got undefined',
      () => loadModel(tinyFolder, unchecked({})),
    ],
    [
      'loadModel: device must be a device, such as openDevice gives, got "cpu"',
      () => loadModel(tinyFolder, unchecked({ device: 'cpu' })),
    ],
    [
      "quantize must be 'nf4', 'fp4', 'int8', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k' or an object such as { type: 'nf4' }, got \"q4\"",
      () => quantize(model, unchecked('q4')),
    ],
    [
      'quantize: there is no option "blocksise"; did you mean blockSize?',
      () => quantize(model, unchecked({ blocksise: 64 })),
    ],
    ['quantize: model must be a module, such as a model, got "falcon"', () => quantize(unchecked('falcon'))],
    [
      'planMemory: there is no option "batch_sise"; did you mean batchSize?',
      () => planMemory(config, unchecked({ batch_sise: 1 })),
    ],
    [
      'planMemory: length must be a whole number from 1 to 2147483648, got "512"',
      () => planMemory(config, unchecked({ length: '512' })),
    ],
    [
      "planMemory: adapter must be an adapter's config such as { r: 16 } or null, got true",
      () => planMemory(config, unchecked({ adapter: true })),
    ],
    [
      'planMemory: a batch of 8 × 2000000000 tokens is more than 268435456',
      () => planMemory(config, { adapter: {}, length: 2e9 }),
    ],
    [
      "planMemory: quantize must be 'nf4', 'fp4', 'int8', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k' or",
      () => planMemory(config, unchecked({ quantize: 'q8' })),
    ],
    [
      'modelWeights: config must be a config, such as parseModelConfig gives, got',
      () => planMemory(unchecked({ model_type: 'falcon' })),
    ],
    ['saveModel: path must be a text, got undefined', () => saveModel(model, unchecked(undefined))],
    ['modelFiles: model must be a model, such as loadModel gives, got null', () => modelFiles(unchecked(null))],
    [
      "modelFiles: dtype must be 'f32', 'f16', 'bf16', got \"nf4\"",
      () => modelFiles(model, unchecked({ dtype: 'nf4' })),
    ],
    [
      'modelFiles: merge must be true or false or \'force\', got "yes"',
      () => modelFiles(model, unchecked({ merge: 'yes' })),
    ],
    [
      'modelFiles: there is no option "max_shard_sise"; did you mean maxShardSize?',
      () => modelFiles(model, unchecked({ max_shard_sise: 1 })),
    ],
    [
      'inspectModel: there is no option "batchsice"; did you mean batchSize?',
      () => inspectModel(tinyFolder, unchecked({ batchsice: 1 })),
    ],
    [
      'parseModelConfig: json must be a config.json that was parsed, got "falcon"',
      () => parseModelConfig(unchecked('falcon')),
    ],
    ['parseModelConfig: json must be a config.json that was parsed, got null', () => parseModelConfig(unchecked(null))],
    [
      'parseModelConfig: config.json has model_type [[…]]; known are falcon',
      () => parseModelConfig({ model_type: [JSON.parse('['.repeat(500) + ']'.repeat(500))] }),
    ],
    [
      'formatModelConfig: config must be a config, such as parseModelConfig gives, got undefined',
      () => formatModelConfig(unchecked(undefined)),
    ],
    ['modelWeights: config must be a config', () => modelWeights({ ...config, numHiddenLayers: 1e9 })],
    ['createModel: weights must be a Map of weights by their names, got {}', () => createModel(config, unchecked({}))],
    [
      'falconRwConfig: there is no option "hiddenSise"; did you mean hiddenSize?',
      () => falconRwConfig(unchecked({ hiddenSise: 1 })),
    ],
    [
      'falcon: config.json needs a positive vocab_size, got nothing',
      () => falconRwConfig(unchecked({ hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2 })),
    ],
    [
      'falconRwConfig: layerNormEpsilon must be a number above 0, got "x"',
      () => falconRwConfig(unchecked({ ...config, rope: null, layerNormEpsilon: 'x' })),
    ],
    [
      'falcon: hidden_size 32 is not a multiple of num_attention_heads 5',
      () => falconRwConfig(unchecked({ ...config, numAttentionHeads: 5 })),
    ],
    [
      'initialWeights: std must be a number from 0, got NaN',
      () => initialWeights(device, modelWeights(config), NaN, 1),
    ],
    [
      'initialWeights: seed must be a whole number, got "1"',
      () => initialWeights(device, modelWeights(config), 1, unchecked('1')),
    ],
  ])('refuse: %s', async (message, call) => {
    const before = device.memory.liveBytes
    let error: unknown
    try {
      await call()
    } catch (cause) {
      error = cause
    }
    expect(error).toMatchObject({ name: 'MedAwareError', code: 'config' })
    expect(String(error)).toContain(message)
    expect(device.memory.liveBytes).toBe(before)
  })

  it('take a type of storage by its name, everywhere alike', async () => {
    const bytes = (await loadModel(tinyFolder, { device, quantize: { type: 'int8' } })).storage.bytes
    const { model: one, storage } = await loadModel(tinyFolder, { device, quantize: 'int8' })
    expect(storage.bytes).toBe(bytes)
    expect([...one.namedWeights()].filter(([, weight]) => weight instanceof Int8Tensor)).toHaveLength(8)
    expect(planMemory(config, { quantize: 'int8' })).toEqual(planMemory(config, { quantize: { type: 'int8' } }))
    const { model: two } = await loadModel(tinyFolder, { device, quantize: 'fp4' })
    const types = [...two.namedWeights()].flatMap(([, w]) => (w instanceof FourBitTensor ? w.parts.type : []))
    expect(types).toEqual(Array.from({ length: 8 }, () => 'fp4'))
    for (const each of [one, two]) each.dispose()
  })

  it.each([
    ['float16', 'f16'],
    ['torch.float16', 'f16'],
    ['half', 'f16'],
    ['fp16', 'f16'],
    ['bfloat16', 'bf16'],
    ['torch.bfloat16', 'bf16'],
    ['float32', 'f32'],
    [undefined, 'f32'],
  ] as const)('take Hugging Face’s word %s for a dtype', async (word, dtype) => {
    const { model: loaded } = await loadModel(tinyFolder, unchecked({ device, dtype: word }))
    const table = [...loaded.namedWeights()].find(([name]) => name.endsWith('word_embeddings.weight'))?.[1]
    expect(table).toMatchObject({ dtype })
    expect(planMemory(config, unchecked({ dtype: word }))).toEqual(planMemory(config, { dtype }))
    const saved = (await modelFiles(model, unchecked({ dtype: word }))).get('config.json')
    const words = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }
    expect(JSON.parse(new TextDecoder().decode(saved))).toMatchObject({ dtype: words[dtype] })
    loaded.dispose()
  })
})

describe('when the memory ends', () => {
  /** Every number of buffers below what `work` makes. */
  async function atEveryAllocation(work: () => Promise<unknown>): Promise<number> {
    for (let room = 0; ; room++) {
      const before = device.memory.liveBytes
      const limit = limitAllocations(device, room)
      try {
        await work()
        return room
      } catch (error) {
        expect(error).toMatchObject({ code: 'memory' })
      } finally {
        limit.lift()
      }
      expect(device.memory.liveBytes).toBe(before)
    }
  }

  it.each([false, 'nf4', 'int8'] as const)('loading leaves nothing behind, quantize %s', async (how) => {
    const rooms = await atEveryAllocation(async () => {
      const loaded = await loadModel(tinyFolder, { device, quantize: how, measureError: true })
      loaded.model.dispose()
    })
    expect(rooms).toBeGreaterThan(20)
  })

  it.each(['nf4', 'int8', false] as const)('saving a merged model leaves nothing behind, quantize %s', async (how) => {
    const { model: base } = await loadModel(tinyFolder, { device, quantize: how })
    const adapter = attachLora(base, { r: 2 }, { device })
    const rooms = await atEveryAllocation(() => modelFiles(base, { merge: 'force' }))
    expect(rooms).toBeGreaterThan(1)
    adapter.detach()
    base.dispose()
  })

  it('weights to begin with leave nothing behind', async () => {
    const rooms = await atEveryAllocation(async () => {
      for (const weight of initialWeights(device, modelWeights(config), 0.1, 1).values()) weight.dispose()
    })
    expect(rooms).toBe(modelWeights(config).length)
  })
})
