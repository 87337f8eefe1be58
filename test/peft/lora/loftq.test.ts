import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import type { Adapter } from '../../../src/peft/adapter.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { startLora } from '../../../src/peft/lora/starts/start-lora.ts'
import { mergeAdapter, unmergeAdapter } from '../../../src/peft/merge/merge-adapter.ts'
import { addWeightedAdapter } from '../../../src/peft/several/combine/add-weighted-adapter.ts'
import { setAdapter } from '../../../src/peft/several/several-adapters.ts'
import { bytesSource, openSafetensors } from '../../../src/safetensors/index.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

const { batch, labels } = await tinyBatch()
const path = 'transformer.h.1.self_attention.query_key_value'
const prefix = `base_model.model.${path}`
const config = { r: 4, loraAlpha: 4, initLoraWeights: 'loftq' } as const
const scaled = { r: 4, loraAlpha: 8, useDora: true } as const

/** B A of row-major matrices. */
function product(b: Float32Array, a: Float32Array, inner: number): Float32Array {
  const columns = a.length / inner
  return Float32Array.from({ length: (b.length / inner) * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    let sum = 0
    for (let k = 0; k < inner; k++) sum += (b[row * inner + k] ?? NaN) * (a[k * columns + column] ?? NaN)
    return sum
  })
}

const squared = (values: Float32Array, wanted: Float32Array) =>
  values.reduce((sum, value, i) => sum + (value - (wanted[i] ?? NaN)) ** 2, 0)

describe.each(await testEngines())('starts that leave another base, on $description', (device) => {
  let model: FalconForCausalLM
  let before: Float32Array
  // A device keeps the tables of NF4, once it has them.
  beforeAll(async () => (await tinyFalcon(device, 'nf4')).dispose())
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
  const factor = async (adapter: Adapter, name: string): Promise<Float32Array> =>
    (await adapter.namedTrainableParameters().get(`${prefix}.${name}`)?.read()) ?? new Float32Array(0)
  const open = async (kind: string) =>
    loadAdapter(
      model,
      await tinyText(`starts/${kind}/adapter_config.json`),
      await tinyFile(`starts/${kind}/adapter_model.safetensors`),
      { trainable: true },
    )

  it.each([
    ['loftq', { ...config, loftqConfig: { loftqBits: 4, loftqIter: 3 } }],
    ['loftq-8', { ...config, loftqConfig: { loftqBits: 8 } }],
    ['loftq-dora', { ...config, useDora: true }],
    ['pissa-dora', { ...scaled, initLoraWeights: 'pissa' }],
    ['olora-dora', { ...scaled, initLoraWeights: 'olora' }],
  ] as const)("%s: what is left of the base, B A, lengths and logits are PEFT's", async (kind, given) => {
    const { liveBytes } = device.memory
    const wanted = await tinyFile(`starts/${kind}/start.safetensors`)
    const adapter = await startLora(model, given)
    const delta = product(await factor(adapter, 'lora_B.weight'), await factor(adapter, 'lora_A.weight'), 4)
    const [a0, b0] = [await wanted.readF32(`${prefix}.lora_A.weight`), await wanted.readF32(`${prefix}.lora_B.weight`)]
    expect(maxDifference(delta, product(b0, a0, 4))).toBeLessThan(3e-6)
    const lengths = await factor(adapter, 'lora_magnitude_vector')
    if (kind.endsWith('dora')) {
      expect(maxDifference(lengths, await wanted.readF32(`${prefix}.lora_magnitude_vector.weight`))).toBeLessThan(1e-5)
    }
    // With A at 0 Q alone is merged.
    expect(maxDifference(await logits(), await wanted.readF32('logits'))).toBeLessThan(1e-4)
    if (!kind.endsWith('dora')) {
      const a = adapter.namedTrainableParameters().get(`${prefix}.lora_A.weight`)
      a?.write(new Float32Array(a.count))
      const rest = adapter.layers.get(path)?.mergedWeight('weight')
      expect(
        maxDifference((await rest?.read()) ?? [], await wanted.readF32(`${prefix}.base_layer.weight`)),
      ).toBeLessThan(1e-7)
      rest?.dispose()
    }
    adapter.detach()
    expect(await logits()).toEqual(before)
    expect(device.memory.liveBytes).toBe(liveBytes)
  })

  it.each(['loftq', 'loftq-8', 'loftq-dora', 'pissa-dora', 'olora-dora', 'embedding-dora'])(
    '%s: what PEFT trained and saved computes here as there, merged as well',
    async (kind) => {
      const reference = await tinyFile(`starts/${kind}/reference.safetensors`)
      const adapter = await open(kind)
      expect(maxDifference(await logits(), await reference.readF32('logits'))).toBeLessThan(1e-4)
      const { loss, grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
      expect(maxDifference(await loss.read(), await reference.readF32('loss'))).toBeLessThan(1e-5)
      for (const [name, tensor] of adapter.namedTrainableParameters()) {
        const key = name.endsWith('vector') ? `grad.${name}.weight` : `grad.${name}`
        const wanted = await reference.readF32(key)
        const own = (await grads.get(tensor)?.read()) ?? []
        expect(maxDifference(own, wanted) / maxMagnitude(wanted), name).toBeLessThan(1e-3)
      }
      const files = await adapterFiles(adapter)
      expect(new TextDecoder().decode(files.get('adapter_config.json'))).toBe(
        await tinyText(`starts/${kind}/adapter_config.json`),
      )
      await mergeAdapter(model)
      // A tied head follows its table when that is merged, in PEFT as well.
      const merging = maxDifference(await logits(), await reference.readF32('logits'))
      expect(merging < 1e-4).toBe(kind !== 'embedding-dora')
      unmergeAdapter(model)
      const delta = await adapter.layers.get(path)?.deltaWeight().read()
      const merged = await adapter.layers.get(path)?.mergedWeight('weight').read()
      const weight = await (await tinyFile('model.safetensors')).readF32(`${path}.weight`)
      expect(
        maxDifference(
          weight.map((value, i) => value + (delta?.[i] ?? NaN)),
          merged ?? [],
        ),
      ).toBeLessThan(1e-6)
      adapter.detach()
      expect(await logits()).toEqual(before)
    },
  )

  it('LoftQ is nearer to the base than Q alone, by any scaling', async () => {
    const errors: number[] = []
    for (const loraAlpha of [4, 16]) {
      const adapter = await startLora(model, { ...config, loraAlpha })
      errors.push(squared(await logits(), before))
      adapter.detach()
    }
    const onlyQ = await startLora(model, config)
    for (const [key, tensor] of onlyQ.namedTrainableParameters()) {
      if (key.includes('lora_A')) tensor.write(new Float32Array(tensor.count))
    }
    const lost = squared(await logits(), before)
    expect(errors[0]).toBeLessThan(0.85 * lost)
    expect(Math.abs((errors[1] ?? NaN) / (errors[0] ?? NaN) - 1)).toBeLessThan(1e-2)
  })

  it('LoftQ saves what is opened again, and stands beside other adapters but not beside itself', async () => {
    const adapter = await startLora(model, { ...config, targetModules: ['query_key_value', 'lm_head'] })
    const started = await logits()
    expect(Math.abs((await model.loss(batch, labels).item()) - 4.16)).toBeLessThan(1)
    const files = await adapterFiles(adapter)
    await expect(adapterFiles(adapter, { convertToPlainLora: true })).rejects.toThrow(
      'convertToPlainLora: initLoraWeights "loftq" quantised the base, and no LoRA of a low rank makes up for that; save the adapter without convertToPlainLora, or merge it',
    )
    const other = attachLora(model, { r: 2, initLoraWeights: false }, { name: 'other' })
    adapter.setEnabled(false)
    expect(await logits()).toEqual(before)
    other.setEnabled(true)
    expect(maxDifference(await logits(), before)).toBeGreaterThan(1e-3)
    setAdapter(model, ['default', 'other'])
    expect(maxDifference(await logits(), started)).toBeGreaterThan(1e-3)
    await mergeAdapter(model)
    unmergeAdapter(model)
    other.detach()
    expect(await logits()).toEqual(started)
    await startLora(model, config, { name: 'second' })
    expect(() => setAdapter(model, ['default', 'second'])).toThrow(
      'the adapters default, second are active, and two of them began by LoftQ, each over a base that it quantised for itself; activate one of them',
    )
    expect(await logits()).toEqual(started)
    await expect(addWeightedAdapter(model, ['default'], [1], { adapterName: 'sum' })).rejects.toThrow(
      'addWeightedAdapter: the adapter "default" has a base that it quantised for itself; only adapters of A and B alone are combined',
    )
    adapter.detach()
    const reader = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array(), 'x'))
    await loadAdapter(model, new TextDecoder().decode(files.get('adapter_config.json')), reader)
    setAdapter(model, 'default')
    expect(await logits()).toEqual(started)
  })

  it('DoRA over what a start left of a 4-bit base begins as the base, and is saved plainly', async () => {
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
    const base = await logits()
    const adapter = await startLora(model, { ...scaled, initLoraWeights: 'pissa' })
    expect(maxDifference(await logits(), base)).toBeLessThan(1e-4)
    for (const [key, tensor] of adapter.namedTrainableParameters()) {
      if (!key.includes('lora_A')) tensor.write((await tensor.read()).map((value, i) => value + 0.05 * Math.sin(i)))
    }
    const changed = await logits()
    expect(maxDifference(changed, base)).toBeGreaterThan(1e-2)
    const files = await adapterFiles(adapter, { convertToPlainLora: true })
    adapter.detach()
    const reader = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array(), 'x'))
    await loadAdapter(model, new TextDecoder().decode(files.get('adapter_config.json')), reader)
    expect(maxDifference(await logits(), changed)).toBeLessThan(1e-4)
  })

  it('LoftQ refuses a base that is quantised already', async () => {
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
    await expect(startLora(model, config)).rejects.toThrow(
      'initLoraWeights: "loftq" quantises the base\'s weights, and transformer.h.0.self_attention.query_key_value is so already; load the base in f32, f16 or bf16, or begin with true and call replaceLoraWeightsLoftq',
    )
  })
})
