import { afterAll, describe, expect, it } from 'vitest'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { parseAdapterConfig } from '../../../src/peft/config/adapter-config.ts'
import { divisorNear } from '../../../src/peft/methods/oft.ts'
import { fromArray } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, maxMagnitude } from '../tiny-falcon.ts'
import { golden, goldenTests, OneLinear, plainLinear, storedTests } from './one-linear.ts'

it('adjusts blocks as PEFT does', () => {
  for (const [inputs, wanted, taken] of golden.divisors) {
    expect(divisorNear(inputs, wanted), `${wanted} of ${inputs}`).toBe(taken)
  }
})

const saved = { peft_type: 'OFT', oft_block_size: 8, peft_version: '0.18.0', use_cayley_neumann: true }

it.each<[object, string]>([
  [{ oft_block_size: undefined, r: 8 }, 'adapter_config.json: there is no oft_block_size'],
  [{ peft_version: '0.17.1' }, 'adapter_config.json: use_cayley_neumann of PEFT before 0.18 is another series'],
  [{ peft_version: undefined }, 'adapter_config.json: use_cayley_neumann of PEFT before 0.18 is another series'],
  [{ r: 4 }, 'adapter_config.json: r 4 and oft_block_size 8: one of them must be 0'],
])('refuses a file with %j', (fields, message) => {
  expect(() => parseAdapterConfig({ ...saved, ...fields })).toThrow(message)
})

it.each([{}, { peft_version: '0.21.3.dev0@main' }, { peft_version: '0.16.0', use_cayley_neumann: false }])(
  'reads a file with %j',
  (fields) => {
    expect(parseAdapterConfig({ ...saved, ...fields }).config).toMatchObject({ oftBlockSize: 8 })
  },
)

describe.each(await testEngines())('OFT on $description', (device) => {
  afterAll(() => device.dispose())

  goldenTests('oft', device)
  storedTests({ peftType: 'OFT' }, device)

  const attached = (config: object, into = 64) => {
    const model = plainLinear(device, 10, into)
    return attachAdapter(model, { peftType: 'OFT', targetModules: ['lin'], ...config })
  }
  const startOf = async (config: object) => {
    const [weight] = attached(config).namedTrainableParameters().values()
    return (await weight?.read()) ?? new Float32Array(0)
  }

  it('starts as PEFT does', async () => {
    expect(maxMagnitude(await startOf({}))).toBe(0)
    const values = await startOf({ initWeights: false })
    const square = values.reduce((total, value) => total + value * value, 0) / values.length
    expect(values).toHaveLength(2 * 496)
    expect(Math.sqrt(square)).toBeCloseTo(0.1, 2)
  })

  it.each([
    [
      { oftBlockSize: 24 },
      ['attachAdapter: oftBlockSize 24 does not divide 64 inputs, which fall into 4 blocks of 16'],
    ],
    [{ r: 5, oftBlockSize: 0 }, ['attachAdapter: r 5 does not divide 64 inputs, which fall into 4 blocks of 16']],
    [{ oftBlockSize: 16 }, []],
  ])('tells what it adjusts: %j', (config, told) => {
    const warnings: string[] = []
    const model = plainLinear(device, 10, 64)
    const given = { peftType: 'OFT', targetModules: ['lin'], ...config } as const
    attachAdapter(model, given, { onWarning: (message) => warnings.push(message) })
    expect(warnings).toEqual(told)
  })

  it('turns rows of the weight without changing their length, by the exact transform', async () => {
    const values = Float32Array.from({ length: 8 * 64 }, (_, i) => Math.sin(i))
    const model = new OneLinear(fromArray(device, values, [8, 64]), null)
    const config = { targetModules: ['lin'], useCayleyNeumann: false, initWeights: false, oftBlockSize: 64 } as const
    const adapter = attachAdapter(model, { peftType: 'OFT', ...config })
    // Far from where the series would do.
    for (const tensor of adapter.namedTrainableParameters().values()) {
      tensor.write((await tensor.read()).map((value) => 20 * value))
    }
    const merged = await model.adapted.mergedWeight('weight').read()
    const lengths = (of: Float32Array) =>
      [0, 1, 2, 3, 4, 5, 6, 7].map((row) => Math.hypot(...of.subarray(row * 64, row * 64 + 64)))
    expect(maxDifference(merged, values)).toBeGreaterThan(0.5)
    expect(maxDifference(lengths(merged), lengths(values))).toBeLessThan(1e-4)
  })

  it.each<[object, string]>([
    [{ r: 8 }, 'attachAdapter: r 8 and oftBlockSize 32: one of them must be 0, for the other says it'],
    [{ oftBlockSize: 0 }, 'attachAdapter: r 0 and oftBlockSize 0: one of them must be 0, for the other says it'],
    [{ r: 64, oftBlockSize: 0 }, 'attachAdapter: r 64 leaves the 64 inputs of "lin" in blocks of 1'],
    [
      { moduleDropout: 0.1 },
      'attachAdapter: moduleDropout 0.1 would do nothing: PEFT 0.21.2 makes this dropout and never',
    ],
    [{ eps: -1 }, 'attachAdapter: eps must be a number from 0, got -1'],
    [{ bias: 'lora_only' }, 'attachAdapter: bias must be'],
    [{ numCayleyNeumannTerms: 0 }, 'attachAdapter: numCayleyNeumannTerms must be a whole number from 1, got 0'],
  ])('refuses %j', (config, message) => {
    expect(() => attached(config)).toThrow(message)
  })
})
