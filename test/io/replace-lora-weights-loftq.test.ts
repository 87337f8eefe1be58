import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { replaceLoraWeightsLoftq } from '../../src/io/replace-lora-weights-loftq.ts'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { startLora } from '../../src/peft/lora/starts/start-lora.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile } from '../peft/tiny-falcon.ts'

const { batch } = await tinyBatch()
const source = fileURLToPath(new URL('../fixtures/tiny-falcon-rw', import.meta.url))
const paths = [0, 1].map((layer) => `transformer.h.${layer}.self_attention.query_key_value`)

const squared = (values: Float32Array, wanted: Float32Array) =>
  values.reduce((sum, value, i) => sum + (value - (wanted[i] ?? NaN)) ** 2, 0)

describe.each(await testEngines())('replaceLoraWeightsLoftq on $description', (device) => {
  let model: FalconForCausalLM
  let wanted: Float32Array
  let before: Float32Array
  beforeEach(async () => {
    model = await tinyFalcon(device)
    wanted = await logits()
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
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
  const values = (adapter: Adapter) =>
    Promise.all([...adapter.namedTrainableParameters().values()].map((tensor) => tensor.read()))

  it("makes PEFT's updates, tells how far it is, and brings the logits nearer to the base's", async () => {
    const peft = await tinyFile('starts/replaced.safetensors')
    const adapter = attachLora(model, { r: 4, loraAlpha: 4 })
    const { liveBytes } = device.memory
    const told: string[] = []
    const made = await replaceLoraWeightsLoftq(adapter, source, {
      onProgress: ({ path, done, total, secondsLeft }) => {
        told.push(`${path} ${done}/${total}`)
        expect(done === total ? secondsLeft : 0).toBe(0)
      },
    })
    expect(made).toEqual({ replaced: paths, kept: [] })
    expect(told).toEqual(paths.map((path, i) => `${path} ${i + 1}/2`))
    expect(device.memory.liveBytes).toBe(liveBytes)
    for (const path of paths) {
      const delta = adapter.layers.get(path)?.deltaWeight()
      const own = (await delta?.read()) ?? new Float32Array(0)
      delta?.dispose()
      const [a, b] = [
        await peft.readF32(`base_model.model.${path}.lora_A.weight`),
        await peft.readF32(`base_model.model.${path}.lora_B.weight`),
      ]
      const product = Float32Array.from(own, (_, i) => {
        const [row, column] = [Math.floor(i / 32), i % 32]
        return [0, 1, 2, 3].reduce((sum, k) => sum + (b[row * 4 + k] ?? NaN) * (a[k * 32 + column] ?? NaN), 0)
      })
      expect(maxDifference(own, product)).toBeLessThan(3e-6)
    }
    expect(squared(await logits(), wanted)).toBeLessThan(0.95 * squared(before, wanted))
  })

  it('makes the same of any scaling, with and without DoRA, and over all linears far less is lost', async () => {
    const all = { r: 16, targetModules: 'all-linear' } as const
    const errors: number[] = []
    for (const config of [{ loraAlpha: 16 }, { loraAlpha: 64 }, { loraAlpha: 16, useDora: true }]) {
      const adapter = attachLora(model, { ...all, ...config })
      await replaceLoraWeightsLoftq(adapter, source)
      errors.push(squared(await logits(), wanted))
      adapter.detach()
    }
    const [error = NaN] = errors
    expect(error).toBeLessThan(0.3 * squared(before, wanted))
    for (const other of errors) expect(Math.abs(other / error - 1)).toBeLessThan(1e-2)
  })

  it('puts back what the callback does not want, and all of it where it throws or is stopped', async () => {
    const adapter = attachLora(model, { r: 4, useDora: true }, { seed: 3 })
    const started = await values(adapter)
    const seen: string[] = []
    const made = await replaceLoraWeightsLoftq(adapter, source, {
      callback: async (given, path) => {
        expect(given).toBe(model)
        expect(maxDifference(await logits(), before)).toBeGreaterThan(1e-4)
        seen.push(path)
        return false
      },
    })
    expect(made).toEqual({ replaced: [], kept: paths })
    expect(seen).toEqual(paths)
    expect(await values(adapter)).toEqual(started)
    const half = replaceLoraWeightsLoftq(adapter, source, {
      callback: (_, path) => {
        if (path !== paths[0]) throw new Error('no more')
        return true
      },
    })
    await expect(half).rejects.toThrow('no more')
    expect(await values(adapter)).toEqual(started)
    const stop = new AbortController()
    const stopped = replaceLoraWeightsLoftq(adapter, source, {
      onProgress: () => stop.abort(new Error('stopped')),
      signal: stop.signal,
    })
    await expect(stopped).rejects.toThrow('stopped')
    expect(await values(adapter)).toEqual(started)
  })

  it('refuses what cannot be', async () => {
    const started = await startLora(model, { r: 4, initLoraWeights: 'pissa' })
    await expect(replaceLoraWeightsLoftq(started, source)).rejects.toThrow(
      `replaceLoraWeightsLoftq: the adapter "default" started from the base's weights and goes without that part of them; attach one with initLoraWeights true`,
    )
    started.detach()
    const wide = attachLora(model, { r: 33 })
    await expect(replaceLoraWeightsLoftq(wide, source)).rejects.toThrow(
      `replaceLoraWeightsLoftq: ${paths[0]} has 32 singular values, which r 33 exceeds`,
    )
    await expect(replaceLoraWeightsLoftq(wide, `${source}/starts`)).rejects.toThrow('no model.safetensors')
    const full = await tinyFalcon(device)
    await expect(replaceLoraWeightsLoftq(attachLora(full, { r: 4 }), source)).rejects.toThrow(
      'replaceLoraWeightsLoftq: the adapter "default" is LoRA on no quantised layer; load the base with quantize, or begin with startLora and initLoraWeights "loftq"',
    )
    full.dispose()
  })
})
