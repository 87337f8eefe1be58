import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { ModelInputs, PretrainedLm } from '../../src/models/causal-lm.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { batchOf } from '../golden/model-checks.ts'
import { tinyModel } from './tiny-family.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('embeddings in the place of ids on $description', (device) => {
  const { memory } = device
  const cases = ['falcon-7b', 'falcon-40b', 'llama-tied'] as const

  /** A batch of ids with padding, and the same as embeddings. */
  async function both(model: PretrainedLm, name: string) {
    const ids = await batchOf(
      await openFixture(`tiny-family/${name}/reference.safetensors`),
      'input_ids',
      'padded_mask',
    )
    const { shape, attentionMask } = ids
    const inputsEmbeds = model.getInputEmbeddings().forward(fromArray(device, ids.inputIds, shape, 'ids'))
    return { ids, embedded: { inputsEmbeds, shape, ...(attentionMask && { attentionMask }) } }
  }

  it.each(cases)('%s says the same of them, to the bit, and leaves them as they were', async (name) => {
    const before = memory.liveBytes
    const { model } = await tinyModel(device, name)
    const scope = memory.open()
    const { ids, embedded } = await both(model, name)
    const given = await embedded.inputsEmbeds.read()
    const numbersOf = async (batch: ModelInputs) => {
      const out = [model.forward(batch), model.lastLogits(batch), model.loss(batch, ids.inputIds)]
      return Promise.all(out.map((tensor) => tensor.read()))
    }
    expect(await numbersOf(embedded)).toEqual(await numbersOf(ids))
    expect(await embedded.inputsEmbeds.read()).toEqual(given)
    scope.close()
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it.each(cases)('a gradient of %s reaches them, with and without checkpointing', async (name) => {
    const { model } = await tinyModel(device, name, { quantize: { type: 'nf4' } })
    const scope = memory.open()
    const { ids, embedded } = await both(model, name)
    const x = embedded.inputsEmbeds
    x.requiresGrad = true
    const lossOf = () => model.loss(embedded, ids.inputIds)
    const gradOf = () => valueAndGrad({ trainableParameters: () => [x] }, lossOf)(undefined).grads.get(x)
    const grad = await gradOf()?.read()
    model.gradientCheckpointing = true
    expect(await gradOf()?.read()).toEqual(grad)
    x.requiresGrad = false
    expect(grad).toHaveLength(x.count)
    expect(await slopeAlong(x, grad ?? new Float32Array(), lossOf)).toBeCloseTo(1, 2)
    scope.close()
    model.dispose()
  })

  it('the gradient adds up, id by id, to the one of the table', async () => {
    const { model } = await tinyModel(device, 'falcon3')
    const scope = memory.open()
    const reference = await openFixture('tiny-family/falcon3/reference.safetensors')
    const ids = await batchOf(reference, 'input_ids')
    const labels = Int32Array.from((await reference.read('labels')) as Int32Array)
    const table = model.getInputEmbeddings()
    const x = table.forward(fromArray(device, ids.inputIds, ids.shape, 'ids'))
    x.requiresGrad = true
    const { grads } = valueAndGrad({ trainableParameters: () => [x] }, () => {
      return model.loss({ inputsEmbeds: x, shape: ids.shape }, labels)
    })(undefined)
    const grad = (await grads.get(x)?.read()) ?? new Float32Array()
    const expected = await reference.readF32('grad.model.embed_tokens.weight')
    const sums = new Float32Array(expected.length)
    const { columns } = x
    ids.inputIds.forEach((id, row) => {
      for (let i = 0; i < columns; i++) sums[id * columns + i]! += grad[row * columns + i]!
    })
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - sums[i]!)))
    expect(worst / Math.max(...expected.map(Math.abs))).toBeLessThan(1e-4)
    scope.close()
    model.dispose()
  })

  it('refuses what is none, or both', async () => {
    const { model } = await tinyModel(device, 'falcon3')
    const scope = memory.open()
    const { ids, embedded } = await both(model, 'falcon3')
    const refusal = (code: string, message: string) => expect.objectContaining({ code, message }) as unknown
    expect(() => model.forward({ ...ids, ...embedded } as never)).toThrow(
      refusal(
        'config',
        'llama: a batch has inputIds or inputsEmbeds, not both; getInputEmbeddings() of a model makes the one of the other',
      ),
    )
    expect(() => model.forward({ ...embedded, shape: [2, 11] })).toThrow(
      refusal('shape', 'llama: inputsEmbeds must be f32 [2,11,16], got f32 [2,12,16]'),
    )
    expect(() => model.forward({ inputsEmbeds: [1] as never, shape: [1, 1] })).toThrow('llama: a batch needs inputIds')
    scope.close()
    model.dispose()
  })
})

/** What the loss changes by along a gradient, over what the gradient says: 1 where it is right. */
async function slopeAlong(x: Tensor, grad: Float32Array, lossOf: () => Tensor): Promise<number> {
  const at = Float32Array.from(await x.read())
  const square = grad.reduce((sum, value) => sum + value * value, 0)
  const step = 2e-2 / Math.sqrt(square)
  const losses: number[] = []
  for (const sign of [1, -1]) {
    x.write(at.map((value: number, i: number) => value + sign * step * grad[i]!))
    losses.push(await lossOf().item())
  }
  x.write(at)
  return ((losses[0] ?? 0) - (losses[1] ?? 0)) / (2 * step * square)
}
