import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { add, gather, logSoftmax, mean, mul, reshape, slice, sum, transpose } from '../../src/ops/index.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { expectClose, weightedSum } from './gradient-check.ts'

const fixture = await openFixture('verbs.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

const ids = (await fixture.read('gather.ids')) as Int32Array
const labels = (await fixture.read('dpo.labels')) as Int32Array
const base = await fixture.readF32('dpo.base')

/** The loss of examples/own-loss, from logits on. */
function dpo(logits: Tensor): Tensor {
  const { device } = logits
  const next = labels.filter((_, i) => i % 6 > 0)
  const picked = gather(logSoftmax(slice(logits, 1, 0, 5)), fromArray(device, next, [4, 5, 1]))
  const scores = sum(reshape(picked, [4, -1]), { axis: 1 })
  const rewards = reshape(mul(add(scores, mul(fromArray(device, base, [4]), -1)), 0.1), [-1, 2])
  return mul(mean(slice(logSoftmax(rewards), 1, 0, 1)), -1)
}

const cases: readonly [name: string, inputs: readonly string[], apply: (...inputs: Tensor[]) => Tensor][] = [
  ['mul', ['a', 'b'], (a, b) => mul(a, b)],
  ['add', ['a', 'b'], (a, b) => add(a, b)],
  ['sum', ['x'], (x) => sum(x, { axis: 1 })],
  ['mean', ['x'], (x) => mean(x, { axis: -2 })],
  ['transpose', ['x'], (x) => transpose(x, 0, -1)],
  ['narrow', ['x'], (x) => slice(x, 1, 2)],
  ['gather', ['x'], (x) => gather(x, fromArray(x.device, ids, [2, 3, 2]))],
  ['log_softmax', ['x'], (x) => logSoftmax(x)],
  ['dpo', ['logits'], (logits) => dpo(logits)],
]

describe.each(devices)('what torch computes, on $description', (device) => {
  it.each(cases)('%s', async (name, inputs, apply) => {
    const scope = device.memory.open()
    const leaves: Tensor[] = []
    for (const input of inputs.map((input) => `${name}.${input}`)) {
      leaves.push(fromArray(device, await fixture.readF32(input), fixture.info(input).shape))
    }
    for (const leaf of leaves) leaf.requiresGrad = true
    const dOut = await fixture.readF32(`${name}.d_out`)
    let out: Promise<Float32Array> = Promise.resolve(new Float32Array())
    const { grads } = valueAndGrad({ trainableParameters: () => leaves }, () => {
      const y = apply(...leaves)
      expect(y.shape).toEqual(fixture.info(`${name}.out`).shape)
      out = y.read()
      return weightedSum(y, dOut)
    })(null)
    expectClose(await out, await fixture.readF32(`${name}.out`), 1e-5, name)
    for (const [i, input] of inputs.entries()) {
      const gradient = (await grads.get(leaves[i] as Tensor)?.read()) ?? []
      expectClose(gradient, await fixture.readF32(`${name}.d_${input}`), 2e-5, `${name}: d_${input}`)
    }
    scope.close()
  })
})
