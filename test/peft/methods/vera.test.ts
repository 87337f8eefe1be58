import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { setAdapter } from '../../../src/peft/several/several-adapters.ts'
import { bytesSource, openSafetensors } from '../../../src/safetensors/index.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile } from '../tiny-falcon.ts'

const { batch, labels } = await tinyBatch()
const prefix = 'base_model.model.transformer.h'
const qkv = (layer: number) => `${prefix}.${layer}.self_attention.query_key_value`

describe.each(await testEngines())('VeRA on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const logits = () => model.forward(batch).read()
  const saved = async (config: object) => {
    const adapter = attachAdapter(model, { peftType: 'VERA', r: 8, ...config })
    const files = await adapterFiles(adapter)
    adapter.detach()
    const file = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array(), 'saved'))
    return { file, config: JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))) as object }
  }

  it("adapts PEFT's choice for the architecture, and changes nothing at first", async () => {
    const before = await logits()
    const adapter = attachAdapter(model, { peftType: 'VERA', r: 8, dInitial: 0.25 })
    const trained = [...adapter.namedTrainableParameters()]
    expect(trained.map(([name, { shape }]) => [name, shape])).toEqual(
      [0, 1].flatMap((layer) => [
        [`${qkv(layer)}.vera_lambda_b`, [96]],
        [`${qkv(layer)}.vera_lambda_d`, [8]],
      ]),
    )
    expect(await Promise.all(trained.map(([, tensor]) => tensor.read()))).toEqual(
      [0, 1].flatMap(() => [new Float32Array(96), new Float32Array(8).fill(0.25)]),
    )
    expect(await logits()).toEqual(before)
  })

  it('starts with the projections that PEFT draws of the key, and saves them unless told otherwise', async () => {
    const wanted = await tinyFile('adapters/vera/adapter_model.safetensors')
    const { file } = await saved({})
    for (const key of ['base_model.vera_A', 'base_model.vera_B']) {
      expect(await file.readF32(key)).toEqual(await wanted.readF32(key))
    }
    const other = await saved({ projectionPrngKey: 1 })
    expect(await other.file.readF32('base_model.vera_A')).not.toEqual(await wanted.readF32('base_model.vera_A'))
    const without = await saved({ saveProjection: false })
    expect(without.file.names).toEqual([0, 1].flatMap((i) => [`${qkv(i)}.vera_lambda_b`, `${qkv(i)}.vera_lambda_d`]))
    expect(without.config).toMatchObject({ save_projection: false, projection_prng_key: 0, d_initial: 0.1 })
  })

  it('refuses a file without the projections that its config speaks of', async () => {
    const { config } = await saved({ projectionPrngKey: 7 })
    const file = await tinyFile('adapters/vera-seeded/adapter_model.safetensors')
    await expect(loadAdapter(model, config, file)).rejects.toThrow('missing 2: base_model.vera_A, base_model.vera_B')
  })

  it('shares the beginnings of projections as wide as the widest layer: gradients and merged logits fit', async () => {
    const adapter = attachAdapter(model, { peftType: 'VERA', r: 5, targetModules: 'all-linear', initWeights: false })
    expect([...adapter.namedSavedTensors()].slice(-2).map(([key, { shape }]) => [key, shape])).toEqual([
      ['base_model.vera_A', [5, 64]],
      ['base_model.vera_B', [96, 5]],
    ])
    const lossOf = () => model.loss(batch, labels)
    const { grads } = valueAndGrad(model, lossOf)(null)
    // The slope of the loss along its gradient.
    const moves = await Promise.all(
      [...adapter.namedTrainableParameters().values()].map(async (tensor) => {
        const given = (await grads.get(tensor)?.read()) ?? new Float32Array(0)
        const along = given.map((each) => each / maxMagnitude(given))
        return {
          tensor,
          values: await tensor.read(),
          along,
          slope: along.reduce((sum, x, i) => sum + x * (given[i] ?? NaN), 0),
        }
      }),
    )
    const lossAt = async (step: number) => {
      for (const { tensor, values, along } of moves)
        tensor.write(values.map((value, i) => value + step * (along[i] ?? NaN)))
      return lossOf().item()
    }
    const slope = ((await lossAt(0.003)) - (await lossAt(-0.003))) / 0.006
    const wanted = moves.reduce((sum, move) => sum + move.slope, 0)
    expect(Math.abs(slope - wanted) / wanted).toBeLessThan(5e-3)
    await lossAt(0)
    const adapted = await logits()
    adapter.merge()
    expect(maxDifference(await logits(), adapted)).toBeLessThan(1e-3)
  })

  it.each(['f16', 'int8', 'nf4'] as const)('adds to a base in %s what it adds to its weights', async (format) => {
    const base = await tinyFalcon(device, format)
    const adapter = attachAdapter(base, { peftType: 'VERA', r: 8, initWeights: false })
    const adapted = await base.forward(batch).read()
    adapter.merge()
    expect(maxDifference(await base.forward(batch).read(), adapted)).toBeLessThan(1e-3)
    base.dispose()
  })

  it('keeps projections of its own beside another adapter of another key', async () => {
    const config = { peftType: 'VERA', r: 8, initWeights: false } as const
    const alone = await Promise.all(
      [0, 7].map(async (projectionPrngKey) => {
        const own = await tinyFalcon(device)
        attachAdapter(own, { ...config, projectionPrngKey })
        const values = await own.forward(batch).read()
        own.dispose()
        return values
      }),
    )
    attachAdapter(model, config)
    const second = attachAdapter(model, { ...config, projectionPrngKey: 7 }, { name: 'second' })
    expect(await logits()).toEqual(alone[0])
    setAdapter(model, 'second')
    expect(await logits()).toEqual(alone[1])
    setAdapter(model, 'default')
    second.detach()
    expect(await logits()).toEqual(alone[0])
  })

  it('trains biases of adapted projections where it is told to', () => {
    const adapter = attachAdapter(model, { peftType: 'VERA', r: 8, bias: 'vera_only' })
    expect([...adapter.namedTrainableParameters().keys()].filter((key) => key.startsWith(qkv(0)))).toEqual([
      `${qkv(0)}.vera_lambda_b`,
      `${qkv(0)}.vera_lambda_d`,
      `${qkv(0)}.base_layer.bias`,
    ])
  })

  it('drops inputs of the update in training alone', async () => {
    attachAdapter(model, { peftType: 'VERA', r: 8, veraDropout: 0.5, initWeights: false })
    const still = await logits()
    model.train()
    expect(maxDifference(await logits(), still)).toBeGreaterThan(1e-3)
    model.train(false)
    expect(await logits()).toEqual(still)
  })

  it('leaves no byte behind, detached or merged', () => {
    const { liveBytes, liveBuffers } = device.memory
    const config = { peftType: 'VERA', targetModules: 'all-linear' } as const
    attachAdapter(model, config).detach()
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual([liveBytes, liveBuffers])
    attachAdapter(model, config).merge()
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual([liveBytes, liveBuffers])
  })

  it.each<[object, string]>([
    [{ r: 0 }, 'r must be a whole number from 1'],
    [{ excludeModules: ['dense'] }, 'excludeModules'],
    [{ layersPattern: 'h' }, 'layersPattern needs layersToTransform'],
    [{ bias: 'lora_only' }, "'none', 'all', 'vera_only'"],
    [{ projectionPrngKey: 0.5 }, 'projectionPrngKey must be a whole number'],
    [{ layersToTransform: [5] }, 'no module matches'],
  ])('refuses %o', (config, words) => {
    expect(() => attachAdapter(model, { peftType: 'VERA', ...config })).toThrow(words)
  })
})
