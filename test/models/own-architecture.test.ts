import { afterAll, describe, expect, it } from 'vitest'
import {
  adapterFiles,
  attachLora,
  type Device,
  generateTokens,
  inspectModel,
  loadModel,
  type LoadModelOptions,
  modelFiles,
  openAdapter,
  planMemory,
  quantize,
  TrainingRun,
} from '../../src/index.ts'
import {
  createModel,
  formatModelConfig,
  initialWeights,
  modelWeights,
  parseModelConfig,
  registerArchitecture,
} from '../../src/models/index.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture, readFixture } from '../fixtures/open-fixture.ts'
import { batchOf, logitsOf, modelChecks } from '../golden/model-checks.ts'
import { filesOf, tensorsOf } from '../io/tiny-files.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { gptNeoX } from './gpt-neox.ts'

const bytes = async (file: string) => Uint8Array.from(await readFixture(`gpt-neox/${file}`))
const json = JSON.parse(new TextDecoder().decode(await bytes('config.json'))) as Record<string, unknown>
const reference = await openFixture('gpt-neox/reference.safetensors')
const [configFile, tensorsFile] = [await bytes('config.json'), await bytes('model.safetensors')]
const files = () => filesOf({ 'config.json': configFile, 'model.safetensors': tensorsFile })

it('is not known before it is registered', () => {
  expect(() => parseModelConfig(json)).toThrow(/model_type "gpt_neox"; known are falcon, .*, smollm3$/)
  registerArchitecture(gptNeoX)
  expect(parseModelConfig(json)).toMatchObject({ modelType: 'gpt_neox', hiddenSize: 16, layerNormEps: 1e-5 })
  expect(parseModelConfig(formatModelConfig(parseModelConfig(json)))).toEqual(parseModelConfig(json))
})

it.each([
  ['registerArchitecture: there is an architecture for model_type "gpt_neox" already', () => gptNeoX],
  [
    'registerArchitecture: there is an architecture for model_type "RefinedWeb" already',
    () => ({ ...gptNeoX, modelType: 'mine', aliases: ['RefinedWeb'] }),
  ],
  ['registerArchitecture: the architecture has no create', () => ({ ...gptNeoX, create: undefined })],
  [
    'registerArchitecture: there is no option "ignored"; did you mean ignores?',
    () => ({ ...gptNeoX, modelType: 'mine', ignored: [] }),
  ],
])('refuses: %s', (message, row) => {
  expect(() => registerArchitecture(row() as never)).toThrow(expect.objectContaining({ code: 'config', message }))
})

it('names what is registered where a config is of none of it', () => {
  const config = { ...parseModelConfig(json), modelType: 'gpt_neo' }
  expect(() => modelWeights(config)).toThrow(
    'modelWeights: config has modelType "gpt_neo"; known are falcon, gemma3_text, llama, mistral, qwen2, qwen3, smollm3, gpt_neox',
  )
})

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('an architecture of one’s own on $description', (device) => {
  const load = (options: Omit<LoadModelOptions, 'device'> = {}, from = files()) =>
    loadModel(from, { device, ...options }).then(({ model }) => model)

  it('has transformers’ logits, loss, gradients and greedy tokens', async () => {
    const before = device.memory.liveBytes
    const model = await load()
    const checks = []
    for await (const check of modelChecks(model, reference)) checks.push(check)
    expect(checks.filter((check) => !('ok' in check) || !check.ok)).toEqual([])
    expect(checks).toHaveLength(7)
    model.dispose()
    expect(device.memory.liveBytes).toBe(before)
  })

  it('is saved as it was loaded, plain and in 4 bits', async () => {
    const batch = await batchOf(reference, 'input_ids')
    for (const wanted of [false, { type: 'nf4' }] as const) {
      const model = await load({ quantize: wanted })
      const again = await load({}, filesOf(Object.fromEntries(await modelFiles(model))))
      expect(again.config).toEqual(model.config)
      expect(await logitsOf(again, batch)).toEqual(await logitsOf(model, batch))
      model.dispose()
      again.dispose()
    }
  })

  it('is adapted, trained as planned, and its adapter opened again', async () => {
    const before = device.memory.liveBytes
    const model = await load()
    const lora = { r: 2 }
    const adapter = attachLora(model, lora, { device })
    expect([...adapter.namedTrainableParameters().keys()][0]).toBe(
      'base_model.model.gpt_neox.layers.0.attention.query_key_value.lora_A.weight',
    )
    const inputIds = Int32Array.from({ length: 64 }, (_, i) => 3 + (i % 20))
    const example = { inputIds, labels: inputIds }
    const run = new TrainingRun(model, [example, example], { batchSize: 2, maxSteps: 2, learningRate: 1e-2 })
    device.memory.resetPeak()
    const losses = []
    for await (const { loss } of run) losses.push(loss)
    expect(losses[1]).toBeLessThan(losses[0] ?? 0)
    const peak = device.memory.peakBytes - before
    const { total } = planMemory(model.config, { batchSize: 2, length: 64, adapter: lora })
    expect(Math.abs(total - peak) / peak).toBeLessThan(0.02)
    run.dispose()
    const batch = await batchOf(reference, 'input_ids')
    const [adapted, saved] = [await logitsOf(model, batch), await adapterFiles(adapter)]
    const other = await load()
    await openAdapter(other, filesOf(Object.fromEntries(saved)), { device })
    expect(await logitsOf(other, batch)).toEqual(adapted)
    for (const one of [model, other]) one.dispose()
  })

  it('reads the buffers of old checkpoints past, by its row', async () => {
    const tensors = await tensorsOf(tensorsFile)
    const [{ dtype, shape, data }] = tensors as [(typeof tensors)[number]]
    const from = (name: string) => {
      const all = [...tensors, { name, dtype, shape, data }]
      return filesOf({ 'config.json': configFile, 'model.safetensors': writeSafetensors(all, { format: 'pt' }) })
    }
    const model = await load({}, from('gpt_neox.layers.0.attention.masked_bias'))
    model.dispose()
    await expect(load({}, from('gpt_neox.layers.0.attention.mask'))).rejects.toThrow('is not expected')
  })

  it('starts from nothing, is quantised in place, and generates', async () => {
    const config = parseModelConfig(json)
    const model = createModel(config, initialWeights(device, modelWeights(config), 0.2, 1))
    expect(quantize(model, { type: 'nf4' })).toBeDefined()
    expect(await tokensOf(model, device)).toHaveLength(5)
    model.dispose()
  })
})

it('is inspected like any other', async () => {
  const report = await inspectModel(files())
  expect(report).toMatchObject({ kind: 'model', architecture: 'GPTNeoXForCausalLM' })
})

async function tokensOf(model: Awaited<ReturnType<typeof loadModel>>['model'], device: Device): Promise<number[]> {
  const tokens: number[] = []
  const before = device.memory.liveBytes
  for await (const [token] of generateTokens(model, [[5, 9, 7]], { maxNewTokens: 5, eosTokenId: null })) {
    tokens.push(token ?? -1)
  }
  expect(device.memory.liveBytes).toBe(before)
  return tokens
}
