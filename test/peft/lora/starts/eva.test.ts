import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../../../src/models/falcon/falcon.ts'
import { attachLora } from '../../../../src/peft/attach.ts'
import { adapterFiles } from '../../../../src/peft/files/adapter-files.ts'
import { startLora } from '../../../../src/peft/lora/starts/start-lora.ts'
import { testEngines } from '../../../device/devices.ts'
import { openFixture, readFixture } from '../../../fixtures/open-fixture.ts'
import { tinyModel } from '../../../models/tiny-family.ts'
import { maxDifference, tinyFalcon, tinyFile, tinyText } from '../../tiny-falcon.ts'
import { startBatches } from './start-batches.ts'

const targetModules = ['query_key_value', 'dense', 'dense_h_to_4h', 'dense_4h_to_h']
const batches = await startBatches()
const [batch] = batches

describe.each(await testEngines())('LoRA started by EVA, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  it.each([
    ['eva', { r: 4, evaConfig: { rho: 1, useLabelMask: false } }],
    [
      'eva-ranks',
      {
        ...{ r: 2, evaConfig: { rho: 3 } },
        ...{ rankPattern: { dense: 3 }, alphaPattern: { 'h.0.mlp.dense_h_to_4h': 6 } },
      },
    ],
  ])("%s: A, ranks and alphas are PEFT's", async (kind, config) => {
    const before = await model.forward(batch).read()
    const adapter = await startLora(model, { ...config, targetModules, initLoraWeights: 'eva' }, { batches })
    const wanted = await tinyFile(`starts/${kind}/adapter_model.safetensors`)
    const tensors = adapter.namedTrainableParameters()
    expect([...tensors.keys()].sort()).toEqual([...wanted.names].sort())
    for (const [key, tensor] of tensors) {
      expect(maxDifference(await tensor.read(), await wanted.readF32(key)), key).toBeLessThan(1e-4)
    }
    const saved = (await adapterFiles(adapter, { baseModel: 'tiny-falcon-rw' })).get('adapter_config.json')
    expect(new TextDecoder().decode(saved)).toBe(await tinyText(`starts/${kind}/adapter_config.json`))
    expect(await model.forward(batch).read()).toEqual(before)
  })

  it("gives layers of the same input the same directions, and PEFT's ranks", async () => {
    const folder = 'tiny-family/qwen2'
    const wanted = await openFixture(`${folder}/starts/eva-shared/adapter_model.safetensors`)
    const { model: qwen } = await tinyModel(device, 'qwen2')
    const adapter = await startLora(
      qwen,
      {
        ...{ r: 2, initLoraWeights: 'eva', targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'down_proj'] },
        evaConfig: { rho: 2, tau: 0.9, adjustScalingFactors: false },
      },
      { batches: await startBatches(folder) },
    )
    const tensors = adapter.namedTrainableParameters()
    expect([...tensors.keys()].sort()).toEqual([...wanted.names].sort())
    for (const [key, tensor] of tensors) {
      expect(maxDifference(await tensor.read(), await wanted.readF32(key)), key).toBeLessThan(1e-4)
    }
    for (const layer of [0, 1]) {
      const a = (name: string) =>
        tensors.get(`base_model.model.model.layers.${layer}.self_attn.${name}.lora_A.weight`)?.read()
      const [q, k, v] = [await a('q_proj'), await a('k_proj'), await a('v_proj')]
      expect([k, v]).toEqual([q, q])
    }
    const saved = (await adapterFiles(adapter, { baseModel: 'qwen2' })).get('adapter_config.json')
    const theirs = await readFixture(`${folder}/starts/eva-shared/adapter_config.json`)
    expect(new TextDecoder().decode(saved)).toBe(new TextDecoder().decode(theirs))
    qwen.dispose()
  })

  it('refuses what cannot be, and leaves the model as it was', async () => {
    const { liveBytes } = device.memory
    const paths = [...model.namedModules()].map(([, module]) => module)
    const config = { r: 4, initLoraWeights: 'eva' } as const
    const refuses = async (message: string, given: object, options: object) => {
      await expect(startLora(model, given, options)).rejects.toThrow(message)
      expect([...model.namedModules()].map(([, module]) => module)).toEqual(paths)
      expect(device.memory.liveBytes).toBe(liveBytes)
    }
    expect(() => attachLora(model, config)).toThrow(
      'attachLora: initLoraWeights "eva" follows from data; await startLora(model, config, { batches }) instead',
    )
    await refuses('initLoraWeights "eva" follows from data; give batches', config, {})
    await refuses('initLoraWeights true does not follow from data; leave batches out', { r: 4 }, { batches })
    await refuses('batches has no batch', config, { batches: [] })
    await refuses('batch 0 must be token ids and their shape', config, { batches: [{ ids: [1] }] })
    await refuses(
      'asks for 40 directions of what transformer.h.0.self_attention.query_key_value gets',
      { ...config, r: 20 },
      { batches },
    )
    const few = [{ inputIds: Int32Array.of(3, 4, 5), shape: [1, 3] }]
    await refuses('no batch has 8 tokens to look at', config, { batches: few })
    await refuses('cannot be gone through again', config, { batches: batches.values() })
    await refuses('evaConfig.rho must be a number from 1', { ...config, evaConfig: { rho: 0.5 } }, { batches })
    await refuses('stopped', config, { batches, signal: AbortSignal.abort(new Error('stopped')) })
  })
})
