import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { headLoss } from '../../src/nn/language-head.ts'
import { linear } from '../../src/ops/linear.ts'
import { linearCrossEntropy } from '../../src/ops/loss/linear-cross-entropy.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { expectClose } from './gradient-check.ts'

const fixture = await openFixture('label-smoothing.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

const cases = [11, 12].flatMap((vocab) => [
  { vocab, name: 'mean', smoothing: 0.1, normalizer: undefined },
  { vocab, name: 'over50', smoothing: 0.3, normalizer: 50 },
])

describe.each(devices)('labels are smoothed as transformers does, on $description', (device) => {
  it.each(cases)('$name over $vocab tokens', async ({ vocab, name, smoothing, normalizer }) => {
    const load = async (key: string) => fromArray(device, await fixture.readF32(key), fixture.info(key).shape, key)
    const [x, weight] = [await load(`${vocab}.x`), await load(`${vocab}.weight`)]
    for (const leaf of [x, weight]) leaf.requiresGrad = true
    const labels = (await fixture.read(`${vocab}.labels`)) as Int32Array
    // A head whose logits are no sum of products has them all at once.
    const head = { products: () => null, forward: (input: Tensor) => linear(input, weight) }
    const ways = [
      () => linearCrossEntropy(x, weight, labels, normalizer, [], smoothing),
      () => headLoss(head, x, labels, normalizer, smoothing),
    ]
    for (const way of ways) {
      const { loss, grads } = valueAndGrad({ trainableParameters: () => [x, weight] }, way)(null)
      expectClose(await loss.read(), await fixture.readF32(`${vocab}.${name}.loss`), 1e-6, 'loss')
      for (const [leaf, key] of [
        [x, 'd_x'],
        [weight, 'd_weight'],
      ] as const) {
        const wanted = await fixture.readF32(`${vocab}.${name}.${key}`)
        expectClose((await grads.get(leaf)?.read()) ?? [], wanted, 1e-5, key)
      }
      for (const value of [loss, ...grads.values()]) value.dispose()
    }
    expect(() => linearCrossEntropy(x, weight, labels, normalizer, [], 1.5)).toThrow(
      'linearCrossEntropy: smoothing must be a number from 0 and at most 1, got 1.5',
    )
    for (const value of [x, weight]) value.dispose()
  })
})
