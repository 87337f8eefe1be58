import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { hotswap } from '../../../src/peft/files/hotswap.ts'
import { LoraOverRest } from '../../../src/peft/lora/starts/lora-over-rest.ts'
import { startLora } from '../../../src/peft/lora/starts/start-lora.ts'
import { mergeAdapter } from '../../../src/peft/merge/merge-adapter.ts'
import { disableAdapter } from '../../../src/peft/several/several-adapters.ts'
import { bytesSource, openSafetensors } from '../../../src/safetensors/index.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

const { batch, labels } = await tinyBatch()
const config = { r: 4, loraAlpha: 8 }
const prefix = 'base_model.model.transformer.h.1.self_attention.query_key_value'

/** The rows of a matrix [count, …], each negated where that is nearer to the wanted row. */
function rowsOf(values: Float32Array, count: number, wanted: Float32Array): number[] {
  const length = values.length / count
  return Array.from({ length: count }, (_, row) => {
    const [own, other] = [values, wanted].map((all) => all.subarray(row * length, (row + 1) * length))
    const minus = own?.map((value) => -value) ?? new Float32Array(0)
    return Math.min(maxDifference(own ?? [], other ?? []), maxDifference(minus, other ?? []))
  })
}

function transposed(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? NaN)
}

/** A B of row-major matrices. */
function product(a: Float32Array, b: Float32Array, inner: number, factor = 1): Float32Array {
  const columns = b.length / inner
  return Float32Array.from({ length: (a.length / inner) * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    let sum = 0
    for (let k = 0; k < inner; k++) sum += (a[row * inner + k] ?? NaN) * (b[k * columns + column] ?? NaN)
    return factor * sum
  })
}

describe.each(await testEngines())('starts of LoRA from the base, on $description', (device) => {
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
  const open = async (folder: string) =>
    loadAdapter(
      model,
      await tinyText(`${folder}/adapter_config.json`),
      await tinyFile(`${folder}/adapter_model.safetensors`),
      { trainable: true },
    )
  const saved = async (files: ReadonlyMap<string, Uint8Array>) => {
    const file = files.get('adapter_model.safetensors') ?? new Uint8Array()
    return {
      config: new TextDecoder().decode(files.get('adapter_config.json')),
      reader: await openSafetensors(bytesSource(file, 'adapter_model.safetensors')),
    }
  }

  it.each(['pissa', 'olora'] as const)(
    "%s: A, B, what is left of the base, and the logits are PEFT's",
    async (init) => {
      const wanted = await tinyFile(`starts/${init}.safetensors`)
      const before = await logits()
      const adapter = await startLora(model, { ...config, initLoraWeights: init })
      const tensors = adapter.namedTrainableParameters()
      const [a, b] = [
        await tensors.get(`${prefix}.lora_A.weight`)?.read(),
        await tensors.get(`${prefix}.lora_B.weight`)?.read(),
      ]
      const [a0, b0] = [
        await wanted.readF32(`${prefix}.lora_A.weight`),
        await wanted.readF32(`${prefix}.lora_B.weight`),
      ]
      if (a === undefined || b === undefined) throw new Error('no A, B')
      // PEFT decomposes in f32, which tells vectors of close values apart less well: it is 3.4e-6 off its f64.
      for (const difference of rowsOf(a, 4, a0)) expect(difference).toBeLessThan(5e-6)
      for (const difference of rowsOf(transposed(b, 4), 4, transposed(b0, 4))) expect(difference).toBeLessThan(5e-6)
      const layer = adapter.layers.get('transformer.h.1.self_attention.query_key_value')
      const part = layer?.adapter('default')
      if (layer === undefined || !(part instanceof LoraOverRest)) throw new Error('no LoraOverRest')
      // With B A at its start the delta is 0; with A at 0 it is what was taken out.
      expect(maxMagnitude(await layer.deltaWeight().read())).toBeLessThan(1e-6)
      part.factors['lora_A.weight'].write(new Float32Array(a.length))
      const weight = await (
        await tinyFile('model.safetensors')
      ).readF32('transformer.h.1.self_attention.query_key_value.weight')
      const taken = await layer.deltaWeight().read()
      const rest = weight.map((value, i) => value + (taken[i] ?? NaN))
      expect(maxDifference(rest, await wanted.readF32(`${prefix}.base_layer.weight`))).toBeLessThan(2e-6)
      part.factors['lora_A.weight'].write(a)
      expect(maxDifference(await logits(), await wanted.readF32('logits'))).toBeLessThan(1e-4)
      expect(maxDifference(await logits(), before)).toBeLessThan(1e-4)
      const fresh = await tinyFalcon(device)
      expect(await disableAdapter(model, logits)).toEqual(await fresh.forward(batch).read())
      adapter.detach()
      expect(await logits()).toEqual(before)
      fresh.dispose()
    },
  )

  it.each(['pissa', 'olora'])('%s: what PEFT trained and saved computes here as there', async (kind) => {
    const reference = await tinyFile(`starts/${kind}/reference.safetensors`)
    const adapter = await open(`starts/${kind}`)
    expect(maxDifference(await logits(), await reference.readF32('logits'))).toBeLessThan(1e-4)
    const { loss, grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    expect(maxDifference(await loss.read(), await reference.readF32('loss'))).toBeLessThan(1e-5)
    expect(grads.size).toBe(4)
    for (const [name, tensor] of adapter.namedTrainableParameters()) {
      const wanted = await reference.readF32(`grad.${name}`)
      expect(maxDifference((await grads.get(tensor)?.read()) ?? [], wanted) / maxMagnitude(wanted), name).toBeLessThan(
        1e-3,
      )
    }
    // The file as PEFT wrote it, and as it wrote it for the base as it is.
    const same = await saved(await adapterFiles(adapter))
    expect(same.config).toBe(await tinyText(`starts/${kind}/adapter_config.json`))
    const plain = await saved(await adapterFiles(adapter, { convertToPlainLora: true }))
    expect(plain.config).toBe(await tinyText(`starts/${kind}/plain/adapter_config.json`))
    const peft = await tinyFile(`starts/${kind}/plain/adapter_model.safetensors`)
    expect([...plain.reader.names].sort()).toEqual([...peft.names].sort())
    const deltaOf = async (reader: typeof peft) => {
      const [a, b] = [await reader.readF32(`${prefix}.lora_A.weight`), await reader.readF32(`${prefix}.lora_B.weight`)]
      return product(b, a, a.length / 32)
    }
    expect(maxDifference(await deltaOf(plain.reader), await deltaOf(peft))).toBeLessThan(1e-5)
    adapter.detach()
    await loadAdapter(model, plain.config, plain.reader)
    expect(maxDifference(await logits(), await reference.readF32('logits'))).toBeLessThan(1e-4)
  })

  it('merges to the weights that it computes with', async () => {
    const adapter = await open('starts/pissa')
    const reference = await tinyFile('starts/pissa/reference.safetensors')
    adapter.merge()
    expect(maxDifference(await logits(), await reference.readF32('logits'))).toBeLessThan(1e-4)
  })

  it('stands beside another adapter, to which the base is whole', async () => {
    const own = await open('starts/pissa')
    const before = await logits()
    const other = attachLora(model, { r: 2, initLoraWeights: false }, { name: 'other' })
    expect(await logits()).toEqual(before)
    own.setEnabled(false)
    other.setEnabled(true)
    const beside = await logits()
    own.detach()
    expect(await logits()).toEqual(beside)
  })

  it('takes the weights of another file into one that is live, with what the start took out', async () => {
    const adapter = await startLora(model, { ...config, initLoraWeights: 'pissa_niter_2' })
    await hotswap(
      adapter,
      await tinyText('starts/pissa/adapter_config.json'),
      await tinyFile('starts/pissa/adapter_model.safetensors'),
    )
    const reference = await tinyFile('starts/pissa/reference.safetensors')
    expect(maxDifference(await logits(), await reference.readF32('logits'))).toBeLessThan(1e-4)
  })

  it('starts over a 4-bit base and by few rounds, and saves that for the base as it is alone', async () => {
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
    const before = await logits()
    const { liveBytes } = device.memory
    const adapter = await startLora(model, { ...config, initLoraWeights: 'pissa_niter_4' }, { seed: 5 })
    expect(maxDifference(await logits(), before)).toBeLessThan(1e-4)
    const b = adapter.namedTrainableParameters().get(`${prefix}.lora_B.weight`)
    b?.write((await b.read()).map((value, i) => value + 0.03 * Math.sin(i)))
    const changed = await logits()
    expect(maxDifference(changed, before)).toBeGreaterThan(1e-3)
    await expect(adapterFiles(adapter)).rejects.toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message:
          'initLoraWeights "pissa_niter_4": whoever loads a start that draws at random gets another base; save it with convertToPlainLora: true',
      }) as Error,
    )
    const plain = await saved(await adapterFiles(adapter, { convertToPlainLora: true }))
    adapter.detach()
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(await logits()).toEqual(before)
    await loadAdapter(model, plain.config, plain.reader)
    expect(maxDifference(await logits(), changed)).toBeLessThan(1e-4)
  })

  it('starts heads as well, whose loss is taken in pieces, beside layers that are trained whole', async () => {
    const before = await logits()
    const lossOf = () => model.loss(batch, labels).item()
    const wanted = await lossOf()
    const targets = { targetModules: ['query_key_value', 'lm_head'], modulesToSave: ['ln_f'] }
    const adapter = await startLora(model, { ...config, ...targets, initLoraWeights: 'pissa' })
    expect(maxDifference(await logits(), before)).toBeLessThan(1e-4)
    expect(Math.abs((await lossOf()) - wanted)).toBeLessThan(1e-5)
    const head = adapter.namedTrainableParameters().get('base_model.model.lm_head.lora_A.weight')
    head?.write((await head.read()).map((value, i) => value + 0.1 * Math.sin(i)))
    const [changed, changedLoss] = [await logits(), await lossOf()]
    expect(maxDifference(changed, before)).toBeGreaterThan(1e-2)
    const plain = await saved(await adapterFiles(adapter, { convertToPlainLora: true }))
    adapter.detach()
    expect(await logits()).toEqual(before)
    await loadAdapter(model, plain.config, plain.reader)
    expect(maxDifference(await logits(), changed)).toBeLessThan(1e-4)
    expect(Math.abs((await lossOf()) - changedLoss)).toBeLessThan(1e-5)
    const onTable = { targetModules: ['word_embeddings'], initLoraWeights: 'loftq' } as const
    await expect(startLora(model, onTable, { name: 'x' })).rejects.toThrow(
      '"transformer.word_embeddings" is an embedding, which initLoraWeights "loftq" does not start; leave it out',
    )
  })

  it('starts tables beside as ever, and gives them as many ranks in a plain file', async () => {
    const before = await logits()
    const targets = { targetModules: ['query_key_value', 'word_embeddings'], rankPattern: { word_embeddings: 3 } }
    const adapter = await startLora(model, { ...config, ...targets, initLoraWeights: 'pissa' })
    expect(maxDifference(await logits(), before)).toBeLessThan(1e-4)
    const key = 'base_model.model.transformer.word_embeddings.lora_embedding_A'
    const tensor = adapter.namedTrainableParameters().get(key)
    tensor?.write((await tensor.read()).map((_, i) => 0.1 * Math.sin(i)))
    const changed = await logits()
    expect(maxDifference(changed, before)).toBeGreaterThan(1e-2)
    const plain = await saved(await adapterFiles(adapter, { convertToPlainLora: true }))
    expect(plain.reader.info(key).shape[0]).toBe(6)
    adapter.detach()
    await loadAdapter(model, plain.config, plain.reader)
    expect(maxDifference(await logits(), changed)).toBeLessThan(1e-4)
  })

  it.each(['pissa', 'loftq'] as const)('%s: a model that is disposed of leaves nothing behind', async (init) => {
    await disposed(init)
    const { liveBytes } = device.memory
    await disposed(init)
    expect(device.memory.liveBytes).toBe(liveBytes)

    async function disposed(initLoraWeights: typeof init): Promise<void> {
      const other = await tinyFalcon(device)
      await startLora(other, { ...config, initLoraWeights, useDora: true })
      const out = other.forward(batch)
      await out.read()
      out.dispose()
      await mergeAdapter(other)
      other.dispose()
    }
  })

  it('draws the same from a seed, and A orthogonal to B where that is wanted', async () => {
    const valuesOf = async (seed: number) => {
      const adapter = await startLora(model, { ...config, initLoraWeights: 'pissa_niter_0' }, { seed })
      const values = await Promise.all([...adapter.namedTrainableParameters().values()].map((tensor) => tensor.read()))
      adapter.detach()
      return values
    }
    expect(await valuesOf(1)).toEqual(await valuesOf(1))
    expect(await valuesOf(1)).not.toEqual(await valuesOf(2))
    const adapter = attachLora(model, { ...config, initLoraWeights: 'orthogonal' })
    const [a, b] = await Promise.all([...adapter.namedTrainableParameters().values()].slice(0, 2).map((t) => t.read()))
    expect(Math.hypot(...(a ?? [])) / Math.sqrt(2 * 32)).toBeCloseTo(0.1, 1)
    expect(Math.hypot(...(b ?? [])) / Math.sqrt(2 * 96)).toBeCloseTo(0.1, 1)
    expect(maxMagnitude(product(b ?? new Float32Array(0), a ?? new Float32Array(0), 4))).toBeLessThan(1e-7)
  })

  it('refuses what cannot be, and leaves the model as it was', async () => {
    const before = await logits()
    const { liveBytes } = device.memory
    const refused = (code: string, message: string) => expect.objectContaining({ code, message }) as Error
    expect(() => attachLora(model, { ...config, initLoraWeights: 'pissa' })).toThrow(
      refused(
        'config',
        `attachLora: this start reads the base's weights, which takes its time; await startLora(model, config) instead`,
      ),
    )
    expect(() => attachLora(model, { r: 3, initLoraWeights: 'orthogonal' })).toThrow(
      refused('config', 'initLoraWeights: "orthogonal" needs an even r, got 3'),
    )
    await expect(startLora(model, { r: 33, initLoraWeights: 'olora' })).rejects.toThrow(
      refused(
        'config',
        'initLoraWeights: transformer.h.0.self_attention.query_key_value [96,32] has 32 singular values, which r 33 exceeds',
      ),
    )
    await expect(startLora(model, { ...config, loraAlpha: -1, initLoraWeights: 'pissa' })).rejects.toThrow(
      refused(
        'config',
        'initLoraWeights: a start from the base needs a loraAlpha above 0, the scaling of transformer.h.0.self_attention.query_key_value is -0.25',
      ),
    )
    const file = JSON.parse(await tinyText('starts/pissa/adapter_config.json')) as object
    await expect(
      loadAdapter(
        model,
        { ...file, init_lora_weights: 'pissa_niter_4' },
        await tinyFile('starts/pissa/adapter_model.safetensors'),
      ),
    ).rejects.toThrow(
      refused(
        'unsupported',
        `initLoraWeights "pissa_niter_4" changes the base's weights at random, so that the base of a saved adapter is not known; save such an adapter as plain LoRA (adapterFiles with convertToPlainLora)`,
      ),
    )
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(await logits()).toEqual(before)
  })
})
