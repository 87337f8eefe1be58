import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { bf16ToF32, f32ToBf16 } from '../../src/core/float16.ts'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import { loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { mergeAdapter, mergeAndUnload, unmergeAdapter } from '../../src/peft/merge/merge-adapter.ts'
import { disableAdapter, setAdapter, withAdapterNames } from '../../src/peft/several/several-adapters.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

const { batch } = await tinyBatch()
const qkv = 'transformer.h.0.self_attention.query_key_value'

describe.each(await testEngines())('merging on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const logits = async (): Promise<Float32Array> => {
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }
  const load = async (kind: string, name: string, trainable = false) =>
    loadAdapter(
      model,
      await tinyText(`adapters/${kind}/adapter_config.json`),
      await tinyFile(`adapters/${kind}/adapter_model.safetensors`),
      { name, trainable },
    )
  const replaceModel = async (weights: 'f16' | 'int8' | 'nf4') => {
    model.dispose()
    model = await tinyFalcon(device, weights)
  }
  const weightAt = async (path: string): Promise<Float32Array> => {
    const module = new Map(model.namedModules()).get(path)
    const weight = module?.weights['weight']
    if (!weight) throw new Error(`${path} has no weight`)
    return dequantize(weight).read()
  }

  it('gives the logits PEFT gives, and back again the bits that were', async () => {
    const base = await logits()
    for (const kind of ['lora', 'ia3']) {
      const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
      const adapter = await load(kind, kind, true)
      const adapted = await logits()
      const { liveBytes } = device.memory
      const report = await mergeAdapter(model)
      expect(report).toMatchObject({ adapterNames: [kind], losses: [], loss: null })
      expect(report.layers).toEqual([...adapter.layers.keys()])
      expect(maxDifference(await logits(), await reference.readF32('merged_logits'))).toBeLessThan(1e-4)
      expect(await disableAdapter(model, logits)).toEqual(base)
      expect(model.trainableParameters()).toEqual([])
      unmergeAdapter(model)
      expect(await logits()).toEqual(adapted)
      expect(device.memory.liveBytes).toBe(liveBytes)
      expect(model.trainableParameters().length).toBe(adapter.namedTrainableParameters().size)
      adapter.detach()
      expect(await logits()).toEqual(base)
    }
  })

  it('merges several that are active as their sum, and takes all off', async () => {
    await load('lora', 'a')
    await load('lora-all-linear', 'b')
    await load('ia3', 'c')
    setAdapter(model, ['a', 'b'])
    const both = await logits()
    setAdapter(model, 'c')
    const { layers, adapterNames } = await mergeAndUnload(model, { adapterNames: ['a', 'b'] })
    expect(adapterNames).toEqual(['a', 'b'])
    expect(layers.length).toBe(8)
    expect(maxDifference(await logits(), both)).toBeLessThan(1e-4)
    expect([...model.namedModules()].some(([path]) => path.includes('base_layer'))).toBe(false)
    expect(() => unmergeAdapter(model)).toThrow('unmergeAdapter: the model has no adapter')
    attachAdapter(model, { peftType: 'LORA' }).detach()
  })

  it('rounds once to 16 bits: the weights are those of f32, to the nearest', async () => {
    await load('lora', 'default')
    await mergeAdapter(model)
    const layer = new Map(model.namedModules()).get(qkv)
    const full = 'standIn' in (layer ?? {}) ? await readStandIn(layer) : new Float32Array()
    unmergeAdapter(model)
    const report = await mergeAndUnload(model, { dtype: 'bf16' })
    expect(await weightAt(qkv)).toEqual(bf16ToF32(f32ToBf16(full)))
    expect(report.losses.length).toBe(2)
    expect(report.loss?.projection).toBeCloseTo(1, 2)
    expect(report.loss?.cosine).toBeGreaterThan(0.99)
  })

  it('stores f16 again as f16, and asks of the base nothing but that', async () => {
    await replaceModel('f16')
    await load('lora', 'default')
    const adapted = await logits()
    await mergeAndUnload(model, { dtype: 'base' })
    const weight = new Map(model.namedModules()).get(qkv)?.weights['weight']
    expect(weight && 'dtype' in weight && weight.dtype).toBe('f16')
    expect(maxDifference(await logits(), adapted)).toBeLessThan(0.02)
  })

  it.each(['nf4', 'int8'] as const)(
    'rounds to %s again only when it is forced, and says what it cost',
    async (type) => {
      await replaceModel(type)
      const adapter = await load('lora', 'default')
      const adapted = await logits()
      const { liveBytes } = device.memory
      const refused = mergeAdapter(model, { dtype: 'base' })
      await expect(refused).rejects.toThrow(`mergeAdapter: ${qkv} is in ${type}, and rounding it to ${type} again`)
      expect(device.memory.liveBytes).toBe(liveBytes)
      const { losses, loss } = await mergeAdapter(model, { dtype: 'base', force: true })
      expect(losses.map(({ path }) => path)).toEqual([...adapter.layers.keys()])
      expect(losses[0]?.codes).toBe(96 * 32)
      expect(loss?.codesChanged).toBeGreaterThan(0)
      expect(loss?.projection).toBeGreaterThan(0.5)
      expect(loss?.projection).toBeLessThan(1.2)
      const merged = await logits()
      expect(merged).not.toEqual(adapted)
      unmergeAdapter(model)
      expect(await logits()).toEqual(adapted)
      expect(device.memory.liveBytes).toBe(liveBytes)
    },
  )

  it('of a small update into NF4 keeps next to nothing, and says so', async () => {
    await replaceModel('nf4')
    const adapter = await load('lora', 'default')
    for (const [key, tensor] of adapter.namedTrainableParameters()) {
      if (key.includes('lora_B')) tensor.write((await tensor.read()).map((value) => value / 200))
    }
    const { loss } = await mergeAndUnload(model, { dtype: 'base', force: true })
    expect(loss?.codesChanged).toBeLessThan(0.01 * (loss?.codes ?? 0))
    expect(loss?.projection).toBeLessThan(0.3)
  })

  it('refuses what is broken and what is merged already, and leaves the model as it was', async () => {
    const adapter = await load('lora', 'default')
    await load('ia3', 'other')
    await mergeAdapter(model)
    const merged = 'default is merged into the model; call unmergeAdapter first'
    expect(() => setAdapter(model, 'other')).toThrow(`setAdapter: ${merged}`)
    expect(() => adapter.detach()).toThrow(`detach: ${merged}`)
    expect(() => withAdapterNames(model, ['other', 'default'], logits)).toThrow(`withAdapterNames: ${merged}`)
    await expect(mergeAdapter(model)).rejects.toThrow(`mergeAdapter: ${merged}`)
    unmergeAdapter(model)
    expect(() => unmergeAdapter(model)).toThrow('unmergeAdapter: no adapter is merged into the model')
    setAdapter(model, [])
    await expect(mergeAdapter(model)).rejects.toThrow('mergeAdapter: no adapter is active; name some')
    setAdapter(model, 'default')
    const [first] = adapter.namedTrainableParameters().values()
    first?.write((await first.read()).fill(Infinity))
    const { liveBytes } = device.memory
    await expect(mergeAndUnload(model)).rejects.toThrow(
      /mergeAndUnload: .*element 0 is (NaN|-?Infinity) when it is merged/,
    )
    const stop = new AbortController()
    const stopping = mergeAndUnload(model, {
      safeMerge: false,
      onProgress: () => stop.abort(new MedAwareError('config', 'enough')),
      signal: stop.signal,
    })
    await expect(stopping).rejects.toThrow('enough')
    expect(device.memory.liveBytes).toBe(liveBytes)
    adapter.detach()
  })
})

async function readStandIn(layer: unknown): Promise<Float32Array> {
  const { standIn } = layer as {
    readonly standIn: { readonly weights: { readonly weight: { read(): Promise<Float32Array> } } }
  }
  return standIn.weights.weight.read()
}
