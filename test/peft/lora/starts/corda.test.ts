import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { matrixOf, product } from '../../../../src/core/linear-algebra/dense-matrix.ts'
import type { FalconForCausalLM } from '../../../../src/models/falcon/falcon.ts'
import { attachLora } from '../../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../../src/peft/files/adapter-files.ts'
import type { StartBatch } from '../../../../src/peft/lora/starts/data/batches.ts'
import { startLora } from '../../../../src/peft/lora/starts/start-lora.ts'
import { loraFields } from '../../../../src/peft/lora/lora-config.ts'
import { bytesSource, openSafetensors } from '../../../../src/safetensors/index.ts'
import { testEngines } from '../../../device/devices.ts'
import { maxDifference, maxMagnitude, tinyFalcon, tinyFile, tinyText } from '../../tiny-falcon.ts'
import { startBatches } from './start-batches.ts'

const batches = await startBatches()
const [batch] = batches
const config = {
  ...{ r: 4, loraAlpha: 8, initLoraWeights: 'corda' as const },
  targetModules: ['query_key_value', 'dense_4h_to_h'],
} as const

/** Rows of A, and columns of B beside them, with the sign that is nearer to what is wanted. */
function signed(a: Float32Array, b: Float32Array, wanted: Float32Array, rank: number): readonly Float32Array[] {
  const columns = a.length / rank
  const signs = Array.from({ length: rank }, (_, row) => {
    const products = a.subarray(row * columns, (row + 1) * columns).map((x, i) => x * (wanted[row * columns + i] ?? 0))
    return Math.sign(products.reduce((sum, each) => sum + each, 0))
  })
  return [a.map((x, i) => x * (signs[Math.floor(i / columns)] ?? NaN)), b.map((x, i) => x * (signs[i % rank] ?? NaN))]
}

describe.each(await testEngines())('LoRA started by CorDA, on $description', (device) => {
  let model: FalconForCausalLM
  let before: Float32Array
  beforeEach(async () => {
    model = await tinyFalcon(device)
    before = await logits()
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const logits = async (): Promise<Float32Array> => {
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }

  it.each(['ipm', 'kpm'] as const)(
    "%s: A, B and the config are PEFT's, over the base as it is",
    async (cordaMethod) => {
      const { liveBytes } = device.memory
      const wanted = await tinyFile(`starts/corda-${cordaMethod}/start.safetensors`)
      const told: (readonly [number, number, number | null])[] = []
      const adapter = await startLora(
        model,
        { ...config, cordaConfig: { cordaMethod } },
        { batches, onProgress: (...progress) => told.push(progress) },
      )
      const tensors = adapter.namedTrainableParameters()
      expect([...tensors.keys(), 'logits'].sort()).toEqual([...wanted.names].sort())
      for (const [key, tensor] of tensors) {
        if (!key.endsWith('lora_A.weight')) continue
        const other = key.replace('lora_A', 'lora_B')
        const [a0, b0] = [await wanted.readF32(key), await wanted.readF32(other)]
        const [a, b] = signed(await tensor.read(), (await tensors.get(other)?.read()) ?? a0, a0, 4)
        expect(maxDifference(a ?? [], a0), key).toBeLessThan(1e-4)
        expect(maxDifference(b ?? [], b0), other).toBeLessThan(1e-4)
        expect(maxMagnitude(a0)).toBeGreaterThan(0.1)
        const ours = product(matrixOf(b ?? [], b0.length / 4, 4), matrixOf(a ?? [], 4, a0.length / 4))
        const theirs = product(matrixOf(b0, b0.length / 4, 4), matrixOf(a0, 4, a0.length / 4))
        // PEFT in f32 is up to 1.05e-5 off its own maths in f64.
        expect(maxDifference(ours.values, theirs.values)).toBeLessThan(1.1e-5)
      }
      const own = JSON.parse(loraFields.format(adapter.config)) as object
      const saved = JSON.parse(await tinyText(`starts/corda-${cordaMethod}/adapter_config.json`)) as object
      // PEFT has targets as a set, in any order.
      const beside = { base_model_name_or_path: null, target_modules: null }
      expect({ ...own, ...beside }).toEqual({ ...saved, ...beside })
      expect(told.slice(0, 3)).toEqual([0, 1, 2].map(() => [0, 4, null]))
      expect(told.at(-1)).toEqual([4, 4, 0])
      expect(maxDifference(await logits(), before)).toBeLessThan(1e-4)
      expect(maxDifference(await logits(), await wanted.readF32('logits'))).toBeLessThan(1e-4)
      adapter.detach()
      expect(await logits()).toEqual(before)
      expect(device.memory.liveBytes).toBe(liveBytes)
    },
  )

  it('is saved as plain LoRA for the base as it is, and in no other way', async () => {
    const adapter = await startLora(model, config, { batches })
    for (const tensor of adapter.namedTrainableParameters().values()) {
      tensor.write((await tensor.read()).map((value, i) => value + 0.03 * Math.sin(i)))
    }
    const changed = await logits()
    expect(maxDifference(changed, before)).toBeGreaterThan(1e-3)
    await expect(adapterFiles(adapter)).rejects.toThrow(
      'initLoraWeights "corda": whoever loads a start that follows from data gets another base; save it with convertToPlainLora: true',
    )
    const files = await adapterFiles(adapter, { convertToPlainLora: true })
    const told = new TextDecoder().decode(files.get('adapter_config.json'))
    const { init_lora_weights: init, r, corda_config: kept } = JSON.parse(told) as Record<string, unknown>
    expect([init, r]).toEqual([true, 8])
    expect(kept).toMatchObject({ corda_method: 'ipm', cache_file: null })
    adapter.detach()
    const reader = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array()))
    const read = await loadAdapter(model, told, reader)
    expect(maxDifference(await logits(), changed)).toBeLessThan(1e-4)
    read.detach()
    await expect(
      loadAdapter(model, told.replace('"init_lora_weights": true', '"init_lora_weights": "corda"'), reader),
    ).rejects.toThrow('and not in a way that can be repeated; in PEFT, save it as plain LoRA')
  })

  it('starts DoRA, heads and a 4-bit base too, and needs the batches once', async () => {
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
    before = await logits()
    const given = { ...config, targetModules: ['query_key_value', 'lm_head'], useDora: true }
    const adapter = await startLora(model, given, { batches: batches.values() })
    expect(maxDifference(await logits(), before)).toBeLessThan(1e-4)
    expect(adapter.layers.size).toBe(3)
    adapter.detach()
    expect(await logits()).toEqual(before)
  })

  it('does not look at padding', async () => {
    const start = async (given: StartBatch) => {
      const adapter = await startLora(model, config, { batches: [given] })
      const values = await Promise.all([...adapter.namedTrainableParameters().values()].map((each) => each.read()))
      adapter.detach()
      return values
    }
    const inputIds = Int32Array.of(3, 4, 5, 9, 0, 0)
    const padded = await start({ inputIds, shape: [1, 6], attentionMask: Uint8Array.of(1, 1, 1, 1, 0, 0) })
    const bare = await start({ inputIds: inputIds.subarray(0, 4), shape: [1, 4] })
    for (const [i, values] of padded.entries()) expect(maxDifference(values, bare[i] ?? [])).toBeLessThan(1e-5)
  })

  it('refuses what cannot be, and leaves the model as it was', async () => {
    const { liveBytes } = device.memory
    const modules = [...model.namedModules()].map(([, module]) => module)
    const refuses = async (message: string, given: object, options: object) => {
      await expect(startLora(model, { ...config, ...given }, options)).rejects.toThrow(message)
      expect([...model.namedModules()].map(([, module]) => module)).toEqual(modules)
      expect(device.memory.liveBytes).toBe(liveBytes)
    }
    expect(() => attachLora(model, config)).toThrow(
      'attachLora: initLoraWeights "corda" follows from data; await startLora(model, config, { batches }) instead',
    )
    await refuses('initLoraWeights "corda" follows from data; give batches', {}, {})
    await refuses('batches has no batch', {}, { batches: [] })
    await refuses('has 32 singular values, which r 33 exceeds', { r: 33 }, { batches })
    await refuses('needs a loraAlpha above 0', { loraAlpha: -1 }, { batches })
    await refuses("cordaMethod must be 'ipm' or 'kpm'", { cordaConfig: { cordaMethod: 'cpm' } }, { batches })
    await refuses('cacheFile must be null', { cordaConfig: { cacheFile: 'a.pt' } }, { batches })
    await refuses(
      'cordaConfig is for initLoraWeights "corda"',
      { initLoraWeights: 'pissa', cordaConfig: { verbose: false } },
      {},
    )
    await refuses('stopped', {}, { batches, signal: AbortSignal.abort(new Error('stopped')) })
    const stop = new AbortController()
    const onProgress = (done: number) => done === 1 && stop.abort(new Error('enough'))
    await refuses('enough', {}, { batches, onProgress, signal: stop.signal })
  })
})
