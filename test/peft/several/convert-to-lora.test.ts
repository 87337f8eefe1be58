import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachAdapter, attachLora } from '../../../src/peft/attach.ts'
import { loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { convertToLora, type LoraConversion } from '../../../src/peft/several/convert/convert-to-lora.ts'
import { denseOf } from '../../../src/peft/several/combine/low-rank.ts'
import { bytesSource, openSafetensors } from '../../../src/safetensors/index.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

const peft = await openFixture('converted-adapters.safetensors')
const { batch } = await tinyBatch()

describe.each(await testEngines())('conversion to LoRA, on $description', (device) => {
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
  const load = async (kind: string) =>
    loadAdapter(
      model,
      await tinyText(`adapters/${kind}/adapter_config.json`),
      await tinyFile(`adapters/${kind}/adapter_model.safetensors`),
    )
  const open = async ({ files }: LoraConversion) => {
    const file = files.get('adapter_model.safetensors') ?? new Uint8Array()
    const reader = await openSafetensors(bytesSource(file, 'adapter_model.safetensors'))
    return { reader, config: new TextDecoder().decode(files.get('adapter_config.json')) }
  }
  const updateOf = async (reader: typeof peft, a: string, b: string) => {
    const [, rank = 0] = reader.info(b).shape
    const [A, B] = [await reader.readF32(a), await reader.readF32(b)]
    return denseOf({ rank, rows: B.length / rank, columns: A.length / rank, a: A, b: B })
  }

  it.each([
    ['loha', '3', { rank: 3 }],
    ['lokr', '3', { rank: 3 }],
    ['loha', '0.8', { energy: 0.8 }],
    ['lokr', '0.8', { energy: 0.8 }],
  ])("of %s by %s is PEFT's", async (kind, name, options) => {
    const made = await convertToLora(await load(kind), options)
    const { reader } = await open(made)
    expect(made.layers.length).toBe(peft.names.filter((key) => key.startsWith(`${kind}.${name}.`)).length / 2)
    for (const { path, rank } of made.layers) {
      const [a, b] = [`${kind}.${name}.${path}.a`, `${kind}.${name}.${path}.b`]
      expect(rank).toBe(peft.info(a).shape[0])
      const key = `base_model.model.${path}.lora_`
      const own = await updateOf(reader, `${key}A.weight`, `${key}B.weight`)
      expect(maxDifference(own, await updateOf(peft, a, b))).toBeLessThan(1e-6)
    }
    if ('energy' in options) for (const { survived } of made.layers) expect(survived).toBeGreaterThanOrEqual(0.8)
  })

  it.each([
    ['loha', () => load('loha')],
    ['VeRA', () => load('vera')],
    ['DoRA', () => load('dora')],
    // IA3 scales a layer's bias too, and a layer's inputs.
    ['IA3', () => load('ia3')],
  ])('of all that %s does computes what it does', async (_name, attach) => {
    const adapter = await attach()
    const wanted = await logits()
    const { liveBytes } = device.memory
    const made = await convertToLora(adapter, { rank: 32 })
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(made.survived).toBeGreaterThan(1 - 1e-6)
    const { config, reader } = await open(made)
    adapter.detach()
    await loadAdapter(model, config, reader)
    expect(maxDifference(await logits(), wanted)).toBeLessThan(2e-5)
  })

  it.each([
    ['a norm and a linear layer', { modulesToSave: ['ln_f', 'h.1.mlp.dense_4h_to_h'] }, 'LOHA'],
    ['a head that was tied', { modulesToSave: ['lm_head'] }, 'LOKR'],
    ['tied tables', { modulesToSave: ['lm_head'], ensureWeightTying: true }, 'LORA'],
  ])('takes over what is trained whole: %s', async (_name, whole, peftType) => {
    const told: string[] = []
    const config = { peftType, r: 3, targetModules: ['query_key_value'], ...whole }
    const adapter = attachAdapter(model, config, { onWarning: (message) => told.push(message) })
    for (const tensor of adapter.namedTrainableParameters().values()) {
      tensor.write((await tensor.read()).map((value, i) => value + 0.1 * Math.sin(3 * i + 1)))
    }
    const wanted = await logits()
    const { liveBytes } = device.memory
    const made = await convertToLora(adapter, { rank: 32 })
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(made.layers).toHaveLength(2)
    expect(made.config.modulesToSave).toEqual(adapter.config.modulesToSave)
    const { config: json, reader } = await open(made)
    const saved = [...adapter.namedSavedTensors().keys()].filter((key) => !key.includes('query_key_value'))
    expect(reader.names.filter((key) => !key.includes('query_key_value')).sort()).toEqual(saved.sort())
    adapter.detach()
    await loadAdapter(model, json, reader)
    expect(maxDifference(await logits(), wanted)).toBeLessThan(1e-4)
  })

  it('says how much survives, layer by layer and of all', async () => {
    const adapter = await load('loha')
    const [few, more] = [await convertToLora(adapter, { rank: 1 }), await convertToLora(adapter, { rank: 8 })]
    for (const [i, { survived, norm }] of few.layers.entries()) {
      expect(survived).toBeGreaterThan(0)
      expect(survived).toBeLessThan(more.layers[i]?.survived ?? 0)
      expect(norm).toBeGreaterThan(0)
    }
    expect(few.survived).toBeLessThan(more.survived)
    // What survived is what is left of the update when the difference is taken away.
    const { reader } = await open(few)
    const [first] = few.layers
    const key = `base_model.model.${first?.path ?? ''}.lora_`
    const kept = await updateOf(reader, `${key}A.weight`, `${key}B.weight`)
    const delta =
      (await adapter.layers
        .get(first?.path ?? '')
        ?.deltaWeight()
        .read()) ?? new Float32Array(0)
    const lost = delta.reduce((sum, value, i) => sum + (value - (kept[i] ?? NaN)) ** 2, 0)
    expect(first?.survived).toBeCloseTo(1 - lost / (first?.norm ?? 0) ** 2, 5)
  })

  it('gives an update of nothing a rank of 1, and names layers in short', async () => {
    const adapter = attachLora(model, { targetModules: ['dense'] })
    const made = await convertToLora(adapter, { energy: 1 })
    expect(made.layers.map(({ rank, norm, survived }) => [rank, norm, survived])).toEqual([
      [1, 0, 1],
      [1, 0, 1],
    ])
    expect(made.config).toMatchObject({ r: 1, loraAlpha: 1, targetModules: ['dense'], rankPattern: {} })
  })

  it('refuses what is no update of linear layers', async () => {
    const refused = async (adapter: ReturnType<typeof attachLora>, options: object, code: string, message: string) => {
      const error = expect.objectContaining({ code, message: `convertToLora: ${message}` }) as Error
      await expect(convertToLora(adapter, options)).rejects.toThrow(error)
      adapter.detach()
    }
    const config = { r: 2, targetModules: ['dense'] }
    await refused(attachLora(model, config), {}, 'config', 'give either a rank or an energy')
    await refused(attachLora(model, config), { rank: 2, energy: 1 }, 'config', 'give either a rank or an energy')
    await refused(
      attachLora(model, config),
      { rank: 33 },
      'config',
      'transformer.h.0.self_attention.dense has 32 singular values, which rank 33 exceeds; choose a lower one',
    )
    await refused(
      attachLora(model, { ...config, bias: 'all' }),
      { rank: 1 },
      'unsupported',
      'the LoRA adapter trains tensors of the base itself, which no update of a rank is; save it as it is',
    )
    const ia3 = attachAdapter(model, { peftType: 'IA3' })
    ia3.detach()
    await expect(convertToLora(ia3, { rank: 1 })).rejects.toThrow(expect.objectContaining({ code: 'config' }) as Error)
  })
})
