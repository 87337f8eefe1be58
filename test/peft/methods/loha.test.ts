import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { seedDropout } from '../../../src/nn/dropout.ts'
import { sum } from '../../../src/ops/array/sum.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { fromArray } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, maxMagnitude } from '../tiny-falcon.ts'
import { goldenTests, plainLinear, storedTests } from './one-linear.ts'

const key = (name: string) => `base_model.model.lin.${name}`

describe.each(await testEngines())('LoHa on $description', (device) => {
  afterAll(() => device.dispose())

  goldenTests('loha', device)
  storedTests({ peftType: 'LOHA' }, device)

  /** An adapter on a weight of zeros, and x of ones. */
  const attached = (config: object) => {
    const model = plainLinear(device, 100, 64)
    const adapter = attachAdapter(model, { peftType: 'LOHA', targetModules: ['lin'], r: 2, ...config })
    return { model, adapter, x: fromArray(device, new Float32Array(3 * 64).fill(1), [3, 64]) }
  }

  it.each([true, false])('starts as PEFT does, initWeights %s', async (initWeights) => {
    const { model, adapter, x } = attached({ initWeights, r: 4 })
    const bounds = { hada_w1_a: 1 / 2, hada_w1_b: 1 / 8, hada_w2_a: 1 / 2, hada_w2_b: initWeights ? 0 : 1 / 8 }
    const parameters = adapter.namedTrainableParameters()
    expect([...parameters.keys()].sort()).toEqual(Object.keys(bounds).map(key).sort())
    for (const [name, bound] of Object.entries(bounds)) {
      const values = (await parameters.get(key(name))?.read()) ?? new Float32Array(0)
      const square = values.reduce((total, value) => total + value * value, 0) / values.length
      expect(maxMagnitude(values), name).toBeLessThanOrEqual(bound)
      expect(Math.abs(square - bound ** 2 / 3), name).toBeLessThanOrEqual(0.2 * bound ** 2)
    }
    expect(maxMagnitude(await model.forward(x).read()) === 0).toBe(initWeights)
  })

  it('drops outputs of the update, the same for all rows, and raises the rest to keep their sum', async () => {
    const { model, x } = attached({ initWeights: false, rankDropout: 0.4 })
    const full = await model.forward(x).read()
    model.train()
    const kept = async (seed: number) => {
      seedDropout(model, seed)
      const values = await model.forward(x).read()
      const shares = Array.from(values, (value, i) => value / (full[i] ?? NaN))
      const isKept = shares.map((share) => share !== 0)
      const count = isKept.slice(0, 100).filter(Boolean).length
      expect(isKept).toEqual([0, 1, 2].flatMap(() => isKept.slice(0, 100)))
      expect(Math.abs(count - 60)).toBeLessThan(20)
      for (const share of shares) if (share !== 0) expect(share).toBeCloseTo(100 / count, 4)
      return isKept
    }
    const first = await kept(1)
    expect(await kept(1)).toEqual(first)
    expect(await kept(2)).not.toEqual(first)
    expect(await model.train(false).forward(x).read()).toEqual(full)
  })

  it('leaves the whole update out of some passes, in which its gradient is 0', async () => {
    const { model, adapter, x } = attached({ initWeights: false, moduleDropout: 0.3 })
    const full = await model.forward(x).read()
    model.train()
    let left = 0
    for (let seed = 0; seed < 40; seed++) {
      seedDropout(model, seed)
      const { grads } = valueAndGrad(model, () => sum(model.forward(x)))(null)
      const gradient = maxMagnitude(
        (await grads.get([...adapter.namedTrainableParameters().values()][0] ?? x)?.read()) ?? [NaN],
      )
      const values = await model.forward(x).read()
      const isLeft = maxMagnitude(values) === 0
      expect(maxDifference(values, isLeft ? new Float32Array(300) : full)).toBe(0)
      expect(gradient === 0).toBe(isLeft)
      left += +isLeft
    }
    expect(Math.abs(left - 12)).toBeLessThan(9)
  })

  it.each<[object, string]>([
    [{ r: 0 }, 'attachAdapter: r must be a whole number from 1, got 0'],
    [{ alpha: 0 }, 'attachAdapter: alpha must be a number other than 0 that f32 holds, got 0'],
    [{ rankDropout: 1 }, 'attachAdapter: rankDropout must be a number from 0 and below 1, got 1'],
    [{ moduleDropout: -0.1 }, 'attachAdapter: moduleDropout must be a number from 0 and below 1, got -0.1'],
    [{ initWeights: 'lycoris' }, 'attachAdapter: initWeights must be true or false, got "lycoris"'],
    [{ layersPattern: 'h' }, 'attachAdapter: layersPattern needs layersToTransform as well'],
    [{ rankPattern: { other: 4 } }, 'attachAdapter: no module matches rankPattern "other"'],
    [{ fanInFanOut: false }, 'attachAdapter: there is no option "fanInFanOut"'],
  ])('refuses %j', (config, message) => {
    expect(() => attached(config)).toThrow(message)
  })
})
