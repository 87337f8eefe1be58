import { afterAll, describe, expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { Linear } from '../../src/nn/linear.ts'
import { AdaptedLinear } from '../../src/peft/layers/adapted-linear.ts'
import { LoraLinear } from '../../src/peft/lora/lora-linear.ts'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { sum } from '../../src/ops/array/sum.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference } from './tiny-falcon.ts'

const [features, outputs, tokens] = [64, 96, 4]

describe.each(await testEngines())('named adapters on $description', (device) => {
  afterAll(() => device.dispose())
  const random = Random.of(3)
  const tensor = (...shape: number[]): Tensor => {
    const count = shape.reduce((product, size) => product * size, 1)
    return fromArray(
      device,
      Float32Array.from({ length: count }, () => random.normal() / 8),
      shape,
    )
  }
  const lora = (rank: number, scaling: number) =>
    new LoraLinear({ 'lora_A.weight': tensor(rank, features), 'lora_B.weight': tensor(outputs, rank) }, scaling, 0)
  const layer = () =>
    new AdaptedLinear(new Linear(tensor(outputs, features), tensor(outputs)))
      .add('default', lora(4, 2))
      .add('other', lora(8, 0.5))
  const run = (on: AdaptedLinear, x: Tensor, ...names: string[]) => {
    on.activate(names)
    return on.forward(x).read()
  }

  it('are named as in PEFT, and only the first is active by itself', () => {
    const on = layer()
    expect(Object.keys(on.weights)).toEqual([
      ...['lora_A.weight', 'lora_B.weight', 'lora_A.other.weight', 'lora_B.other.weight'],
    ])
    expect(Object.keys(on.modules)).toEqual(['base_layer', 'lora_dropout', 'lora_dropout.other'])
    expect(on.active).toEqual(['default'])
    on.activate(['other', 'default'])
    expect(on.describe()).toBe('other: r 8, scaling 0.5, dropout 0; r 4, scaling 2, dropout 0')
    on.remove('other')
    expect(Object.keys(on.weights)).toEqual(['lora_A.weight', 'lora_B.weight'])
    expect(on.active).toEqual(['default'])
    expect(() => on.activate(['other'])).toThrow('the layer has no adapter "other", but default')
    expect(() => on.add('default', lora(2, 1))).toThrow('the layer has an adapter "default" already')
  })

  it('that are active together add up, also merged', async () => {
    const [on, x] = [layer(), tensor(2, tokens, features)]
    const base = await run(on, x)
    const [first, second] = [await run(on, x, 'default'), await run(on, x, 'other')]
    const both = await run(on, x, 'default', 'other')
    const sums = base.map((value, i) => (first[i] ?? NaN) + (second[i] ?? NaN) - value)
    expect(maxDifference(first, base)).toBeGreaterThan(0.01)
    expect(maxDifference(second, base)).toBeGreaterThan(0.01)
    expect(maxDifference(both, sums)).toBeLessThan(1e-5)
    expect(maxDifference(await on.merged().forward(x).read(), sums)).toBeLessThan(1e-5)
  })

  it('serve each row of a batch by its own, to the bits of that row alone', async () => {
    const [on, x] = [layer(), tensor(4, tokens, features)]
    const names = ['other', '__base__', 'default', 'other']
    const values = await x.read()
    on.rows = names
    const rows = await on.forward(x).read()
    on.rows = null
    const each = tokens * outputs
    for (const name of new Set(names)) {
      const own = [...names.keys()].filter((row) => names[row] === name)
      const size = tokens * features
      const part = own.flatMap((row) => [...values.slice(row * size, (row + 1) * size)])
      const alone = await run(
        on,
        fromArray(device, Float32Array.from(part), [own.length, tokens, features]),
        ...(name === '__base__' ? [] : [name]),
      )
      own.forEach((row, i) => {
        expect(rows.slice(row * each, (row + 1) * each), name).toEqual(alone.slice(i * each, (i + 1) * each))
      })
    }
  })

  it('refuse rows that are not the batch, that nobody knows, and a gradient', () => {
    const [on, x] = [layer(), tensor(2, tokens, features)]
    on.rows = ['default']
    expect(() => on.forward(x)).toThrow('adapter names: 1 for a batch of 2 rows; there must be one a row')
    on.rows = ['default', 'nobody']
    expect(() => on.forward(x)).toThrow('the layer has no adapter "nobody", but default, other')
    on.rows = ['default', 'other']
    on.setRequiresGrad(true)
    const training = () => valueAndGrad(on, () => sum(on.forward(x)))(null)
    expect(training).toThrow('adapter names: a row of its own adapter has no gradient; train one adapter at a time')
  })
})
