import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachAdapter, attachLora } from '../../../src/peft/attach.ts'
import { loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { hotswap } from '../../../src/peft/files/hotswap.ts'
import { bytesSource, openSafetensors, writeSafetensors } from '../../../src/safetensors/index.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'
import { tinyLlama } from '../tiny-llama.ts'

const config = JSON.parse(await tinyText('adapters/lora/adapter_config.json')) as Record<string, unknown>

/** The saved adapter under other names. */
async function renamed(name: (key: string) => string) {
  const file = await tinyFile('adapters/lora/adapter_model.safetensors')
  const tensors = []
  for (const key of file.names) {
    const { shape } = file.info(key)
    tensors.push({ name: name(key), dtype: 'F32', shape, data: await file.readF32(key) } as const)
  }
  return openSafetensors(bytesSource(writeSafetensors(tensors)))
}

describe('what a file says of an adapter', async () => {
  const device = await openTestCpu()
  let model: FalconForCausalLM
  const told: string[] = []
  const onWarning = (message: string) => void told.push(message)
  beforeEach(async () => {
    model = await tinyFalcon(device)
    told.length = 0
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  it('may have the name of the adapter or "default" in its keys', async () => {
    const medical = await renamed((key) => key.replace('.weight', '.medical.weight'))
    await expect(loadAdapter(model, config, medical)).rejects.toThrow(
      'its keys have the name "medical" in them; open it under that name',
    )
    await loadAdapter(model, config, medical, { name: 'medical' })
    const usual = await renamed((key) => key.replace('.weight', '.default.weight'))
    await loadAdapter(model, config, usual, { name: 'other' })
    await loadAdapter(model, config, await renamed((key) => key))
  })

  it.each([
    ['', 'its keys begin with "" where PEFT\'s begin with "base_model.model."; save it with PEFT\'s save_pretrained'],
    ['base_model.model.model.', 'its keys begin with "base_model.model.model." where PEFT\'s'],
    ['module.base_model.model.', 'its keys begin with "module.base_model.model." where PEFT\'s'],
  ])('says what its keys begin with: "%s"', async (prefix, message) => {
    const file = await renamed((key) => key.replace('base_model.model.', prefix))
    await expect(loadAdapter(model, config, file)).rejects.toThrow(message)
  })

  it.each([
    ['owner/base', 'owner/base', null],
    ['owner/Base', '/models/base/', null],
    ['owner/base', '/cache/models--owner--base/snapshots/0123abcd', null],
    [null, 'owner/base', null],
    ['owner/base', null, null],
    [
      'owner/base',
      'owner/other',
      'the adapter was made for "owner/base", and this model is "owner/other"; see that they are the same',
    ],
    ['C:\\work\\base', 'other', 'the adapter was made for "C:\\\\work\\\\base", and this model is "other"'],
  ])('made for %s, tells a model that is %s: %s', async (wanted, nameOrPath, message) => {
    Object.assign(model, { nameOrPath })
    const json = { ...config, base_model_name_or_path: wanted }
    const adapter = await loadAdapter(model, json, await renamed((key) => key), { onWarning })
    expect(told).toEqual(message === null ? [] : [expect.stringContaining(`loadAdapter: ${message}`)])
    if (message === null) return
    await hotswap(adapter, json, await renamed((key) => key), { onWarning })
    expect(told.at(-1)).toContain(`hotswapAdapter: ${message}`)
    const misfit = loadAdapter(model, json, await renamed((key) => `x${key}`), { name: 'second' })
    await expect(misfit).rejects.toThrow(message)
  })

  it('tells another revision of the base', async () => {
    Object.assign(model, { nameOrPath: 'owner/base', revision: 'v2' })
    const json = { ...config, base_model_name_or_path: 'owner/base', revision: 'v1' }
    await loadAdapter(model, json, await renamed((key) => key), { onWarning })
    expect(told).toEqual([
      'loadAdapter: the adapter was made for revision "v1" of its base, and this model is of "v2"; see that they are the same',
    ])
  })

  it('tells what its config names and no module has', async () => {
    const json = { ...config, target_modules: ['query_key_value', 'q_proj'], alpha_pattern: { k_proj: 2 } }
    await loadAdapter(model, json, await renamed((key) => key), { onWarning })
    expect(told).toEqual([
      'loadAdapter: no module matches targetModules "q_proj", alphaPattern "k_proj"; the adapter is on all else that it names',
    ])
  })

  it('tells the same of a new adapter, where it may be partial, and what does nothing', async () => {
    const partly = { isPartialOk: true, onWarning }
    attachLora(model, { targetModules: ['dense', 'q_proj'] }, partly).detach()
    attachAdapter(
      model,
      { peftType: 'IA3', targetModules: ['dense', 'v_proj'], feedforwardModules: [] },
      partly,
    ).detach()
    attachLora(model, { targetModules: '.*dense' }, partly).detach()
    attachLora(model, { targetModules: 'all-linear', layersToTransform: [] }, partly).detach()
    expect(told).toEqual([
      'attachLora: no module matches targetModules "q_proj"; the adapter is on all else that it names',
      'attachAdapter: no module matches targetModules "v_proj"; the adapter is on all else that it names',
    ])
    told.length = 0
    attachLora(model, { targetModules: 'all-linear', excludeModules: ['dense', 'vision'] }, { onWarning }).detach()
    attachLora(model, { excludeModules: '.*tower.*' }, { onWarning }).detach()
    attachLora(model, { excludeModules: 'transformer\\.h\\.0\\..*' }, { onWarning }).detach()
    expect(told).toEqual([
      'attachLora: no module matches excludeModules "vision", so nothing is left out for it',
      'attachLora: no module matches excludeModules ".*tower.*", so nothing is left out for it',
    ])
    told.length = 0
    const llama = await tinyLlama(device)
    attachLora(llama, { bias: 'all' }, { onWarning }).detach()
    attachLora(llama, { bias: 'lora_only' }, { onWarning }).detach()
    attachLora(model, { bias: 'lora_only' }, { onWarning }).detach()
    llama.dispose()
    expect(told).toEqual([
      'attachLora: bias "all" trains nothing, for the model has no bias',
      'attachLora: bias "lora_only" trains nothing, for no layer that is adapted has one',
    ])
    expect(() => attachLora(model, {}, { onWarning: 3 as never })).toThrow(
      'attachLora: onWarning must be a function, got 3',
    )
  })

  it('saves again what a caller passed over', async () => {
    const json = { ...config, strength: 2, future: null }
    const file = await renamed((key) => key)
    const adapter = await loadAdapter(model, json, file, { ignoreFields: ['strength'], onWarning })
    expect(told).toHaveLength(2)
    expect(JSON.parse(adapter.method.fields.format(adapter.savedConfig))).toEqual(json)
    await hotswap(adapter, config, file)
    expect(JSON.parse(adapter.method.fields.format(adapter.savedConfig))).toEqual(config)
  })
})
