import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { seedDropout } from '../../src/nn/dropout.ts'
import { attachLora } from '../../src/peft/attach.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { testEngines } from '../device/devices.ts'
import { tinyBatch, tinyFalcon } from '../peft/tiny-falcon.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
/** Often enough that values, which checkpointing saves, outweigh gradients, which it does not. */
const repeats = 4
const tiny = await tinyBatch()
const repeated = (ids: Int32Array) =>
  Int32Array.from({ length: repeats * ids.length }, (_, i) => ids[i % ids.length] ?? 0)
const batch = {
  inputIds: repeated(tiny.batch.inputIds),
  shape: [repeats * tiny.batch.shape[0], tiny.batch.shape[1]] as const,
}
const labels = repeated(tiny.labels)

const adapters: readonly (readonly [what: string, config: Partial<LoraConfig>])[] = [
  ['LoRA of rank 16', { r: 16 }],
  ['LoRA of rank 16 with dropout', { r: 16, loraDropout: 0.2 }],
  ['LoRA and biases everywhere, with dropout', { targetModules: 'all-linear', bias: 'all', loraDropout: 0.2 }],
]

describe.each(devices)('gradient checkpointing on $description', (device) => {
  const { memory } = device
  type Model = Awaited<ReturnType<typeof tinyFalcon>>

  /** The bits of the loss and of every gradient, and the bytes that the step took. */
  const stepOf = async (model: Model, gradientCheckpointing: boolean, padding: number) => {
    model.gradientCheckpointing = gradientCheckpointing
    const parameters = model.trainableParameters()
    const [rows, tokens] = batch.shape
    const attentionMask = Uint8Array.from({ length: rows * tokens }, (_, i) => +(i >= padding))
    const before = memory.liveBytes
    const scope = memory.open()
    memory.resetPeak()
    seedDropout(model, 9)
    const { loss, grads } = valueAndGrad(model, () => model.loss({ ...batch, attentionMask }, labels))(null)
    const bytes = memory.peakBytes - before
    const bits = await Promise.all([loss.read(), ...parameters.map(async (each) => grads.get(each)?.read())])
    scope.close()
    expect(memory.liveBytes).toBe(before)
    expect(grads.size).toBe(parameters.length)
    return { bits, bytes }
  }

  it.each(adapters)('changes no bit of %s, and takes less memory', async (_, config) => {
    const model = await tinyFalcon(device, 'nf4')
    const adapter = attachLora(model, { initLoraWeights: false, ...config }, { device })
    model.train()
    const plain = await stepOf(model, false, 3)
    expect(plain.bits.every((bits) => bits?.some((value) => value !== 0))).toBe(true)
    const checkpointed = await stepOf(model, true, 3)
    expect(checkpointed.bits).toEqual(plain.bits)
    expect(checkpointed.bytes).toBeLessThan(0.9 * plain.bytes)
    adapter.detach()
    model.dispose()
  })

  it('changes no bit where every weight is trained', async () => {
    const model = (await tinyFalcon(device)).setRequiresGrad(true)
    const plain = await stepOf(model, false, 0)
    expect((await stepOf(model, true, 0)).bits).toEqual(plain.bits)
    model.dispose()
  })

  it('is of no account without a gradient', async () => {
    const model = await tinyFalcon(device, 'nf4')
    const logits = async (gradientCheckpointing: boolean) => {
      model.gradientCheckpointing = gradientCheckpointing
      const logits = memory.scoped((scope) => scope.keep(model.forward(batch)))
      return logits.read().finally(() => logits.dispose())
    }
    expect(await logits(true)).toEqual(await logits(false))
    model.dispose()
  })
})
