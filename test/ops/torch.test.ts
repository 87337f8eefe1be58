import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { attention } from '../../src/ops/attention.ts'
import { Visibility } from '../../src/ops/visibility.ts'
import { visibleKeys } from '../../src/ops/visible-keys.ts'
import { embedding } from '../../src/ops/embedding.ts'
import { gelu } from '../../src/ops/activations/gelu.ts'
import { layerNorm } from '../../src/ops/layer-norm.ts'
import { linearCrossEntropy } from '../../src/ops/loss/linear-cross-entropy.ts'
import { linear } from '../../src/ops/linear.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { expectClose, weightedSum } from './gradient-check.ts'

const fixture = await openFixture('ops.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('what torch computes, on $description', (device) => {
  const load = async (name: string): Promise<Tensor> => {
    const { shape, dtype } = fixture.info(name)
    const values = dtype === 'I32' ? ((await fixture.read(name)) as Int32Array) : await fixture.readF32(name)
    return fromArray(device, values, shape, name)
  }

  /** Compares output and gradients of one op, whose differentiated inputs go by torch's names. */
  const compare = async (name: string, inputs: readonly string[], apply: (...inputs: Tensor[]) => Tensor) => {
    const scope = device.memory.open()
    const leaves: Tensor[] = []
    for (const input of inputs) leaves.push(await load(`${name}.${input}`))
    for (const leaf of leaves) leaf.requiresGrad = true
    const dOut = await fixture.readF32(`${name}.d_out`)
    let out: Promise<Float32Array> | undefined
    const { grads } = valueAndGrad({ trainableParameters: () => leaves }, () => {
      const y = apply(...leaves)
      expect(y.shape).toEqual(fixture.info(`${name}.out`).shape)
      out = y.read()
      return weightedSum(y, dOut)
    })(null)
    expectClose((await out) ?? [], await fixture.readF32(`${name}.out`), 1e-5, name)
    for (const [i, input] of inputs.entries()) {
      const gradient = (await grads.get(leaves[i] as Tensor)?.read()) ?? []
      expectClose(gradient, await fixture.readF32(`${name}.d_${input}`), 2e-5, `${name}: d_${input}`)
    }
    scope.close()
  }

  it('gelu', () => compare('gelu', ['x'], gelu))
  it('layerNorm', () =>
    compare('layer_norm', ['x', 'weight', 'bias'], (x, weight, bias) => layerNorm(x, weight, bias, 1e-5)))
  it('linear', () => compare('linear', ['x', 'weight', 'bias'], (x, weight, bias) => linear(x, weight, bias)))

  it('linear with a weight in bf16', async () => {
    const scope = device.memory.open()
    const file = await openFixture('bf16.safetensors')
    const bits = (await file.read('linear.weight')) as Uint16Array
    const weight = fromArray(device, bits, [24, 33], 'weight', 'bf16')
    const x = fromArray(device, await file.readF32('linear.x'), [3, 33], 'x')
    x.requiresGrad = true
    const dOut = await file.readF32('linear.d_out')
    let out: Promise<Float32Array> | undefined
    const { grads } = valueAndGrad({ trainableParameters: () => [x] }, () => {
      const y = linear(x, weight)
      out = y.read()
      return weightedSum(y, dOut)
    })(null)
    expect(await weight.read()).toEqual(await file.readF32('linear.weight'))
    expectClose((await out) ?? [], await file.readF32('linear.out'), 1e-5, 'out')
    expectClose((await grads.get(x)?.read()) ?? [], await file.readF32('linear.d_x'), 2e-5, 'd_x')
    scope.close()
  })

  it('embedding', async () => {
    const ids = await load('embedding.ids')
    await compare('embedding', ['table'], (table) => embedding(ids, table))
    ids.dispose()
  })

  it.each([
    ['attention', 4],
    ['grouped', 2],
  ])('attention: %s, %i key heads', async (name, kvHeads) => {
    const numbers = await fixture.readF32(`${name}.alibi`)
    const [slopes, positions] = [numbers.slice(0, 4), numbers.slice(4)]
    const visibility = Visibility.causal(2, 5).masked(Uint8Array.from(positions, (position) => +(position >= 0)))
    const visible = visibleKeys(device, visibility, { slopes, positions })
    const layout = { heads: 4, kvHeads, dim: 8, alibiScale: 8 ** -0.5 }
    await compare(name, ['qkv'], (qkv) => attention(qkv, layout, { visible }))
    visible.table.dispose()
  })

  it('linearCrossEntropy', async () => {
    const [x, weight] = [await load('cross_entropy.x'), await load('cross_entropy.weight')]
    const labels = (await fixture.read('cross_entropy.labels')) as Int32Array
    for (const leaf of [x, weight]) leaf.requiresGrad = true
    const { loss, grads } = valueAndGrad({ trainableParameters: () => [x, weight] }, () =>
      linearCrossEntropy(x, weight, labels),
    )(null)
    expectClose(await loss.read(), await fixture.readF32('cross_entropy.loss'), 1e-6, 'loss')
    expectClose((await grads.get(x)?.read()) ?? [], await fixture.readF32('cross_entropy.d_x'), 1e-5, 'd_x')
    expectClose(
      (await grads.get(weight)?.read()) ?? [],
      await fixture.readF32('cross_entropy.d_weight'),
      1e-5,
      'd_weight',
    )
    for (const value of [x, weight, loss, ...grads.values()]) value.dispose()
  })
})
