import { afterAll, describe, expect, it } from 'vitest'
import { openAdapter } from '../../../src/io/adapter-folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import type { SaveDType } from '../../../src/io/save/tensors-to-save.ts'
import type { PretrainedLm } from '../../../src/models/causal-lm.ts'
import { quantizeFourBit } from '../../../src/quant/four-bit.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { FourBitTensor } from '../../../src/formats/four-bit/four-bit-tensor.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon } from '../../peft/tiny-falcon.ts'
import { filesOf, tinyFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

const weight = 'transformer.h.0.self_attention.query_key_value.weight'
const filesOfModel = async (...args: Parameters<typeof modelFiles>) =>
  filesOf(Object.fromEntries(await modelFiles(...args)))
const logitsOf = async (model: PretrainedLm) => model.forward((await tinyBatch()).batch).read()
const adapterOf = (model: PretrainedLm, kind = 'lora-all-linear') =>
  openAdapter(model, `${tinyFolder}/adapters/${kind}`, { device })

async function weightsOf(model: PretrainedLm): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>()
  for (const [name, each] of model.namedWeights()) if ('dtype' in each) values.set(name, await each.read())
  return values
}

describe('a merged model', () => {
  it.each(['lora-all-linear', 'lora-bias-all', 'rslora'])('of %s is what merging in memory gives', async (kind) => {
    const model = await tinyFalcon(device)
    const adapter = await adapterOf(model, kind)
    const before = device.memory.liveBytes
    const files = await filesOfModel(model, { merge: true })
    expect(device.memory.liveBytes).toBe(before)
    const { model: again } = await loadModel(files, { device })
    adapter.merge()
    expect(await weightsOf(again)).toEqual(await weightsOf(model))
    expect(await logitsOf(again)).toEqual(await logitsOf(model))
    again.dispose()
    model.dispose()
  })

  it.each([
    ['f16', 2 ** -11],
    ['bf16', 2 ** -8],
  ] as const)('in %s gives the logits of base and adapter within its rounding', async (dtype: SaveDType, step) => {
    const model = await tinyFalcon(device)
    const adapter = await adapterOf(model)
    const expected = await logitsOf(model)
    const files = await filesOfModel(model, { merge: true, dtype })
    // The model still has its adapter.
    expect(await logitsOf(model)).toEqual(expected)
    adapter.setEnabled(false)
    const base = await logitsOf(model)
    const { model: again } = await loadModel(files, { device })
    const actual = await logitsOf(again)
    // A few layers of products, each of weights half a step off at most.
    const bound = 8 * step * maxMagnitude(expected)
    expect(maxDifference(actual, expected)).toBeLessThan(bound)
    expect(maxDifference(base, expected)).toBeGreaterThan(4 * bound)
    again.dispose()
    model.dispose()
  })

  it('of a 4-bit base is the decoded base and the adapter', async () => {
    const model = await tinyFalcon(device, 'nf4')
    await adapterOf(model)
    const expected = await logitsOf(model)
    const { model: again } = await loadModel(await filesOfModel(model, { merge: true, dequantize: true }), { device })
    expect(maxDifference(await logitsOf(again), expected)).toBeLessThan(1e-5 * maxMagnitude(expected))
    again.dispose()
    model.dispose()
  })

  it('is not made unless it is asked for', async () => {
    const model = await tinyFalcon(device)
    await adapterOf(model)
    await expect(modelFiles(model)).rejects.toMatchObject({
      code: 'unsupported',
      message: `modelFiles: ${weight} has an adapter; { merge: true } writes it as part of the weights, saveAdapter by itself`,
    })
    model.dispose()
  })

  it.each(['nf4', 'int8'] as const)('is not rounded to %s again, with the reason', async (format) => {
    const model = await tinyFalcon(device, format)
    await adapterOf(model)
    await expect(modelFiles(model, { merge: true })).rejects.toMatchObject({
      code: 'unsupported',
      message:
        `modelFiles: ${weight} is ${format}, and rounding it to ${format} again would lose most of a small update; write full ` +
        `precision with { dequantize: true }, keep the adapter beside its base with saveAdapter, or insist with { merge: 'force' }`,
    })
    model.dispose()
  })

  it.each(['nf4', 'int8'] as const)('is rounded to %s again where one insists', async (format) => {
    const model = await tinyFalcon(device, format)
    const adapter = await adapterOf(model)
    const before = device.memory.liveBytes
    const files = await filesOfModel(model, { merge: 'force' })
    expect(device.memory.liveBytes).toBe(before)
    const { model: again } = await loadModel(files, { device })
    adapter.merge()
    const [ours, full] = [model, again].map((each) => [...each.namedWeights()].find(([name]) => name === weight)?.[1])
    if (full instanceof FourBitTensor && ours && 'dtype' in ours) {
      const { codes } = quantizeFourBit(await ours.read(), { type: 'nf4' })
      expect(await full.parts.codes.readBytes()).toEqual(codes)
    } else expect(format).toBe('int8')
    // Rounding again costs about as much as rounding did at first.
    const difference = maxDifference(await logitsOf(again), await logitsOf(model))
    expect(difference).toBeGreaterThan(0)
    expect(difference).toBeLessThan(0.5 * maxMagnitude(await logitsOf(model)))
    again.dispose()
    model.dispose()
  })

  it('says which number f16 does not have', async () => {
    const model = await tinyFalcon(device)
    const [, bias] = [...model.namedWeights()].find(([name]) => name === 'transformer.ln_f.bias')!
    if ('dtype' in bias) bias.write(new Float32Array(32).fill(1, 0, 31).fill(1e5, 31))
    await expect(modelFiles(model, { dtype: 'f16' })).rejects.toMatchObject({
      code: 'numeric',
      message:
        'transformer.ln_f.bias: element 31 is 100000, which f16 has no number for, its largest being 65504; save in bf16 or f32',
    })
    expect((await modelFiles(model, { dtype: 'bf16' })).size).toBe(2)
    model.dispose()
  })

  it('frees what it made when it is left', async () => {
    const model = await tinyFalcon(device)
    attachLora(model, { r: 2 }, { device })
    const before = device.memory.liveBytes
    const broken = new AbortController()
    const saving = modelFiles(model, { merge: true, signal: broken.signal, onProgress: () => broken.abort('enough') })
    await expect(saving).rejects.toBe('enough')
    expect(device.memory.liveBytes).toBe(before)
    model.dispose()
  })
})
