import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { hotswap } from '../../src/peft/files/hotswap.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { mergeAdapter } from '../../src/peft/merge/merge-adapter.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

const { batch } = await tinyBatch()
const filesOf = async (kind: string) =>
  [
    await tinyText(`adapters/${kind}/adapter_config.json`),
    await tinyFile(`adapters/${kind}/adapter_model.safetensors`),
  ] as const

describe.each(await testEngines())('hotswap on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())
  const logitsOf = async () => {
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }
  const wanted = async (kind: string) => (await tinyFile(`adapters/${kind}/reference.safetensors`)).readF32('logits')

  it('puts weights and scaling of another adapter into a live one, and allocates nothing', async () => {
    const adapter = await loadAdapter(model, ...(await filesOf('lora')), { name: 'live', trainable: true })
    const tensors = [...adapter.namedTrainableParameters().values()]
    expect(maxDifference(await logitsOf(), await wanted('lora'))).toBeLessThan(1e-4)
    const allocate = device.memory.allocate.bind(device.memory)
    device.memory.allocate = () => {
      throw new Error('nothing is to be allocated')
    }
    try {
      await hotswap(adapter, ...(await filesOf('rslora')))
    } finally {
      device.memory.allocate = allocate
    }
    // rsLoRA scales by alpha over the root of r.
    expect(maxDifference(await logitsOf(), await wanted('rslora'))).toBeLessThan(1e-4)
    expect([...adapter.namedTrainableParameters().values()]).toEqual(tensors)
    expect(tensors.every(({ requiresGrad }) => requiresGrad)).toBe(true)
    const [config, file] = [(await adapterFiles(adapter)).get('adapter_config.json'), await filesOf('rslora')]
    const saved = JSON.parse(new TextDecoder().decode(config)) as { use_rslora: boolean }
    expect(saved.use_rslora).toBe((JSON.parse(file[0]) as { use_rslora: boolean }).use_rslora)
    adapter.detach()
  })

  it('refuses another method, other places, other ranks and what is merged, and changes nothing', async () => {
    const adapter = await loadAdapter(model, ...(await filesOf('lora')))
    const before = await logitsOf()
    const swap = async (kind: string) => hotswap(adapter, ...(await filesOf(kind)))
    await expect(swap('ia3')).rejects.toThrow('hotswapAdapter: the file is IA3, the adapter "default" LoRA; open it as')
    await expect(swap('lora-all-linear')).rejects.toThrow(
      'query_key_value.lora_A.weight is [4,32] in the adapter and [2,32] in the file; open it',
    )
    await expect(swap('lora-bias')).rejects.toThrow('query_key_value.base_layer.bias is none in the adapter and [96]')
    attachLora(model, { r: 2 }, { name: 'small' })
    expect(await logitsOf()).toEqual(before)
    await mergeAdapter(model)
    await expect(swap('rslora')).rejects.toThrow('hotswapAdapter: default is merged into the model')
  })
})
