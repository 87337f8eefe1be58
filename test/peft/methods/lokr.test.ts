import { afterAll, describe, expect, it } from 'vitest'
import { seedDropout } from '../../../src/nn/dropout.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { factorization } from '../../../src/peft/methods/lokr.ts'
import { fromArray } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { maxMagnitude } from '../tiny-falcon.ts'
import { golden, goldenTests, plainLinear, storedTests } from './one-linear.ts'

it('factorizes as PEFT does', () => {
  for (const [number, factor, m, n] of golden.factorization) {
    expect(factorization(number, factor), `${number} by ${factor}`).toEqual([m, n])
  }
})

describe.each(await testEngines())('LoKr on $description', (device) => {
  afterAll(() => device.dispose())

  goldenTests('lokr', device)
  storedTests({ peftType: 'LOKR' }, device)

  const attached = (config: object) => {
    const model = plainLinear(device, 100, 64)
    const adapter = attachAdapter(model, { peftType: 'LOKR', targetModules: ['lin'], r: 2, ...config })
    return { model, adapter, x: fromArray(device, new Float32Array(3 * 64).fill(1), [3, 64]) }
  }

  it.each([
    { initWeights: true, zero: ['lokr_w1_a'] },
    { initWeights: 'lycoris', zero: ['lokr_w2_b'] },
    { initWeights: false, zero: [] },
    { initWeights: true, decomposeBoth: false, r: 8, zero: ['lokr_w1'] },
    { initWeights: 'lycoris', decomposeBoth: false, r: 8, zero: ['lokr_w2'] },
  ])('starts as PEFT does: %j', async ({ zero, ...config }) => {
    const { adapter } = attached({ decomposeBoth: true, ...config })
    for (const [name, parameter] of adapter.namedTrainableParameters()) {
      const values = await parameter.read()
      const bound = zero.some((each) => name.endsWith(`.${each}`)) ? 0 : 1 / Math.sqrt(parameter.columns)
      expect(maxMagnitude(values), name).toBeLessThanOrEqual(bound)
      expect(maxMagnitude(values), name).toBeGreaterThanOrEqual(bound / 2)
    }
  })

  it.each([false, true])('drops outputs of the update, rankDropoutScale %s', async (rankDropoutScale) => {
    const { model, x } = attached({ initWeights: false, rankDropout: 0.4, rankDropoutScale })
    const full = await model.forward(x).read()
    model.train()
    seedDropout(model, 3)
    const shares = Array.from(await model.forward(x).read(), (value, i) => value / (full[i] ?? NaN))
    const count = shares.slice(0, 100).filter((share) => share !== 0).length
    expect(Math.abs(count - 60)).toBeLessThan(20)
    for (const share of shares) if (share !== 0) expect(share).toBeCloseTo(rankDropoutScale ? 100 / count : 1, 4)
  })

  it.each<[object, string]>([
    [{ decomposeFactor: -2 }, 'attachAdapter: decomposeFactor must be a whole number from -1, got -2'],
    [{ initWeights: 'lora' }, 'attachAdapter: initWeights must be'],
    [{ decomposeBoth: 1 }, 'attachAdapter: decomposeBoth must be true or false, got 1'],
  ])('refuses %j', (config, message) => {
    expect(() => attached(config)).toThrow(message)
  })
})
