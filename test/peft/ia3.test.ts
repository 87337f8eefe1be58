import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DryDevice } from '../../src/device/dry-device.ts'
import { tensorsToSave } from '../../src/io/save/tensors-to-save.ts'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { adapterFiles } from '../../src/peft/files/adapter-files.ts'
import { attachAdapter, attachLora } from '../../src/peft/attach.ts'
import { registerMethod } from '../../src/peft/methods.ts'
import { lora } from '../../src/peft/lora/lora.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, tinyBatch, tinyFalcon } from './tiny-falcon.ts'

const { batch } = await tinyBatch()
const prefix = 'base_model.model.transformer.h'

describe.each(await testEngines())('IA3 on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const logits = () => model.forward(batch).read()
  const savedConfig = async (config: object) => {
    const adapter = attachAdapter(model, { peftType: 'IA3', ...config })
    const files = await adapterFiles(adapter)
    adapter.detach()
    return JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))) as Record<string, unknown>
  }

  it("adapts PEFT's choice for the architecture, and changes nothing at first", async () => {
    const before = await logits()
    const adapter = attachAdapter(model, { peftType: 'IA3' })
    expect([...adapter.namedTrainableParameters()].map(([name, { shape }]) => [name, shape])).toEqual(
      [0, 1].flatMap((layer) => [
        [`${prefix}.${layer}.self_attention.query_key_value.ia3_l`, [96, 1]],
        [`${prefix}.${layer}.mlp.dense_4h_to_h.ia3_l`, [1, 64]],
      ]),
    )
    expect(adapter.config).toMatchObject({ feedforwardModules: ['dense_4h_to_h'] })
    expect(await logits()).toEqual(before)
  })

  it('saves which projections are feedforward so that PEFT loads it', async () => {
    const feedforward = async (config: object) => (await savedConfig(config))['feedforward_modules']
    expect(await feedforward({})).toEqual(['dense_4h_to_h'])
    expect(await feedforward({ targetModules: ['query_key_value'] })).toEqual([])
    expect(await feedforward({ targetModules: ['mlp.dense_4h_to_h'] })).toEqual(['mlp.dense_4h_to_h'])
    expect(await feedforward({ targetModules: '.*dense.*' })).toEqual(['dense_4h_to_h'])
    expect(await feedforward({ feedforwardModules: '.*to_h' })).toBe('.*to_h')
  })

  it('merges into weights and biases, on the model and in what is saved of it', async () => {
    const adapter = attachAdapter(model, { peftType: 'IA3', targetModules: 'all-linear', initIa3Weights: false })
    const adapted = await logits()
    const saved = await tensorsToSave('test', model, { merge: true })
    const values = new Map<string, Float32Array>()
    for (const each of saved) {
      const { buffer, byteOffset, byteLength } = await each.bytes()
      values.set(each.name, new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)))
    }
    adapter.merge()
    expect(maxDifference(await logits(), adapted)).toBeLessThan(1e-3)
    for (const [name, weight] of model.namedWeights()) {
      if ('dtype' in weight) expect(await weight.read(), name).toEqual(values.get(name))
    }
  })

  it('leaves no byte behind, detached or merged', () => {
    const { liveBytes, liveBuffers } = device.memory
    const config = { peftType: 'IA3', targetModules: 'all-linear' } as const
    attachAdapter(model, config).detach()
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual([liveBytes, liveBuffers])
    attachAdapter(model, config).merge()
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual([liveBytes, liveBuffers])
  })

  it.each<[object, string]>([
    [
      { targetModules: ['query_key_value'], feedforwardModules: ['dense'] },
      'attachAdapter: feedforwardModules has dense, which targetModules ["query_key_value"] has not',
    ],
    [{ initIa3Weights: 1 }, 'attachAdapter: initIa3Weights must be true or false, got 1'],
    [{ r: 8 }, 'attachAdapter: there is no option "r"'],
    [{ modulesToSave: ['x'] }, 'attachAdapter: no module matches modulesToSave "x"'],
    [{ peftType: 'BOFT' }, 'attachAdapter: peftType "BOFT"; supported are "LORA"'],
  ])('refuses %j', (config, message) => {
    expect(() => attachAdapter(model, { peftType: 'IA3', ...config })).toThrow(message)
  })

  it('is a row beside LoRA, which nobody else can take', () => {
    const adapter = attachAdapter(model, { peftType: 'LORA', r: 2 })
    expect(adapter.config.r).toBe(2)
    expect(() => attachLora(model, {})).toThrow('attachLora: the model has an adapter "default" already')
    expect(() => registerMethod({ ...lora })).toThrow('registerMethod: there is a method "LORA" already')
    adapter.detach()
    expect(() => attachLora(model, {}, { device: new DryDevice('cpu') })).toThrow(
      `attachLora: device must be the model's, ${device.description}, got`,
    )
  })
})
