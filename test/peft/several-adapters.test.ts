import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import {
  activeAdapters,
  adaptersOf,
  deleteAdapter,
  disableAdapter,
  setAdapter,
  withAdapterNames,
} from '../../src/peft/several/several-adapters.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

const { batch, labels } = await tinyBatch()

describe.each(await testEngines())('several adapters on $description', (device) => {
  let model: FalconForCausalLM
  let base: Float32Array
  const logits = async (): Promise<Float32Array> => {
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }
  beforeEach(async () => {
    model = await tinyFalcon(device)
    base = await logits()
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const load = async (kind: string, name: string, trainable = false) =>
    loadAdapter(
      model,
      await tinyText(`adapters/${kind}/adapter_config.json`),
      await tinyFile(`adapters/${kind}/adapter_model.safetensors`),
      { name, trainable },
    )
  const wanted = async (kind: string) => (await tinyFile(`adapters/${kind}/reference.safetensors`)).readF32('logits')

  it('each gives the logits that PEFT gives of it alone, whichever was loaded first', async () => {
    const kinds = ['lora', 'lora-all-linear', 'ia3', 'rslora']
    for (const kind of kinds) await load(kind, kind)
    expect([...adaptersOf(model).keys()]).toEqual(kinds)
    expect(activeAdapters(model)).toEqual(['lora'])
    for (const kind of [...kinds].reverse()) {
      setAdapter(model, kind)
      expect(activeAdapters(model)).toEqual([kind])
      expect(maxDifference(await logits(), await wanted(kind)), kind).toBeLessThan(1e-4)
    }
    setAdapter(model, [])
    expect(await logits()).toEqual(base)
  })

  it('are kept apart in files: each is saved as it was loaded, under plain keys', async () => {
    for (const kind of ['lora', 'lora-all-linear', 'ia3']) await load(kind, kind)
    for (const [kind, adapter] of adaptersOf(model)) {
      const file = (await adapterFiles(adapter)).get('adapter_model.safetensors')
      const alone = await tinyFalcon(device)
      const own = await loadAdapter(
        alone,
        await tinyText(`adapters/${kind}/adapter_config.json`),
        await tinyFile(`adapters/${kind}/adapter_model.safetensors`),
      )
      expect(file).toEqual((await adapterFiles(own)).get('adapter_model.safetensors'))
      alone.dispose()
    }
  })

  it('that are active together add up, and come off one by one without a trace', async () => {
    const { liveBytes, liveBuffers } = device.memory
    await load('lora', 'a')
    await load('lora-all-linear', 'b')
    setAdapter(model, ['a', 'b'])
    const both = await logits()
    setAdapter(model, ['b', 'a'])
    expect(maxDifference(await logits(), both)).toBeLessThan(1e-5)
    deleteAdapter(model, 'a')
    expect(activeAdapters(model)).toEqual(['b'])
    expect(maxDifference(await logits(), await wanted('lora-all-linear'))).toBeLessThan(1e-4)
    deleteAdapter(model, 'b')
    expect(await logits()).toEqual(base)
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(device.memory.liveBuffers).toBe(liveBuffers)
    expect([...model.namedModules()].some(([path]) => path.includes('base_layer'))).toBe(false)
  })

  it('train one at a time: who is active and trainable wants gradients, nobody else', async () => {
    const first = await load('lora', 'first', true)
    const second = attachAdapter(model, { peftType: 'LORA', r: 2, targetModules: ['dense'] }, { name: 'second' })
    const fixed = await load('ia3', 'fixed')
    const trained = () => new Set(model.trainableParameters())
    expect(trained()).toEqual(new Set(first.namedTrainableParameters().values()))
    setAdapter(model, ['second', 'fixed'])
    expect(trained()).toEqual(new Set(second.namedTrainableParameters().values()))
    const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    expect(new Set(grads.keys())).toEqual(trained())
    second.setRequiresGrad(false)
    expect(trained().size).toBe(0)
    fixed.setRequiresGrad(true)
    expect(trained()).toEqual(new Set(fixed.namedTrainableParameters().values()))
  })

  it('step aside for a block of code, also an async one, and one that fails', async () => {
    await load('lora', 'default')
    const adapted = await logits()
    expect(await disableAdapter(model, logits)).toEqual(base)
    expect(await logits()).toEqual(adapted)
    const failing = () => {
      throw new Error('no')
    }
    expect(() => disableAdapter(model, failing)).toThrow('no')
    await expect(disableAdapter(model, () => Promise.reject(new Error('later')))).rejects.toThrow('later')
    async function* later() {
      yield await logits()
    }
    expect(() => disableAdapter(model, later)).toThrow('disableAdapter: the work gives an iterator, which would run')
    const nested = disableAdapter(model, () => disableAdapter(model, () => activeAdapters(model)))
    expect(nested).toEqual(['default'])
    expect(await logits()).toEqual(adapted)
  })

  it('serve each row of a batch by its own', async () => {
    await load('lora', 'a')
    await load('ia3', 'b')
    const rows = async (...names: string[]) => withAdapterNames(model, names, logits)
    const half = base.length / 2
    const [a, b] = [await wanted('lora'), await wanted('ia3')]
    const mixed = await rows('b', 'a')
    expect(maxDifference(mixed.slice(0, half), b.slice(0, half))).toBeLessThan(1e-4)
    expect(maxDifference(mixed.slice(half), a.slice(half))).toBeLessThan(1e-4)
    const second = await rows('a', '__base__')
    expect(maxDifference(second.slice(0, half), a.slice(0, half))).toBeLessThan(1e-4)
    expect(maxDifference(second.slice(half), base.slice(half))).toBeLessThan(1e-5)
    expect(maxDifference(await logits(), a)).toBeLessThan(1e-4)
  })

  it('says what it does not know', async () => {
    expect(() => setAdapter(model, 'a')).toThrow('setAdapter: the model has no adapter; attachAdapter')
    const adapter = await load('lora', 'a')
    const none = 'the model has no adapter "b", but a'
    expect(() => setAdapter(model, ['a', 'b'])).toThrow(`setAdapter: ${none}`)
    expect(() => deleteAdapter(model, 'b')).toThrow(`deleteAdapter: ${none}`)
    expect(() => withAdapterNames(model, ['b', 'a'], logits)).toThrow(`withAdapterNames: ${none}`)
    expect(() => withAdapterNames(model, [], logits)).toThrow('withAdapterNames: names must be')
    expect(() => setAdapter(model, ['a', 'a'])).toThrow('setAdapter: a name comes twice in a, a')
    await expect(withAdapterNames(model, ['a'], logits)).rejects.toThrow('1 for a batch of 2 rows')
    await load('ia3', 'other')
    expect(() => adapter.merge()).toThrow('merge: there are other adapters on the model, other; detach them first')
  })

  it('only one may train the biases of the base', async () => {
    attachAdapter(model, { peftType: 'LORA', bias: 'all' })
    expect(() => attachAdapter(model, { peftType: 'LORA', bias: 'lora_only' }, { name: 'b' })).toThrow(
      'attachAdapter: only one adapter of a model may train its biases, and default does; set bias to "none"',
    )
    attachAdapter(model, { peftType: 'LORA' }, { name: 'b' }).detach()
  })
})
