import { afterAll, describe, expect, it } from 'vitest'
import { Muon, type MuonOptions } from '../../src/optim/muon.ts'
import type { Optimizer, OptimizerContext } from '../../src/optim/optimizer.ts'
import { Sgd, type SgdOptions } from '../../src/optim/sgd.ts'
import { packedZeros } from '../../src/tensor/packed.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

seedDraws('torch-optimizers')

const fixture = await openFixture('optimizers.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

type Make = (parameters: readonly Tensor[], context: Partial<OptimizerContext>) => Optimizer
const sgd =
  (options: SgdOptions): Make =>
  (parameters, context) =>
    new Sgd(parameters, { ...options, ...context })
const muon =
  (options: MuonOptions): Make =>
  (parameters, context) =>
    new Muon(parameters, { ...options, ...context })
const slow = { adjustLrFn: 'match_rms_adamw', nesterov: false, momentum: 0.8, nsSteps: 3, weightDecay: 0.02 } as const

/** The settings of make_optimizers.py, with the most that a parameter may be off, and bytes of state. */
const cases: readonly (readonly [string, Make, most: number, bytes: number])[] = [
  ['sgd.0', sgd({}), 1e-6, 0],
  ['sgd.1', sgd({ momentum: 0.9, weightDecay: 0.1 }), 1e-6, 4 * 78],
  ['sgd.2', sgd({ momentum: 0.9, dampening: 0.3 }), 1e-6, 4 * 78],
  ['sgd.3', sgd({ momentum: 0.8, nesterov: true, weightDecay: 0.05 }), 1e-6, 4 * 78],
  ['muon.0', muon({}), 2e-5, 4 * 85],
  ['muon.1', muon(slow), 2e-5, 4 * 85],
  // torch rounds the iteration to bfloat16, of 8 bits.
  ['muon.bf16', muon({}), 5e-3, 4 * 85],
]

describe.each(devices)('on $description', (device) => {
  const { memory } = device
  const load = async (name: string) => fromArray(device, await fixture.readF32(name), fixture.info(name).shape, name)
  const apart = (shapes: readonly number[][]) => shapes.map((shape) => zeros(device, shape, 'parameter'))
  const sideBySide = (shapes: readonly number[][]) => packedZeros(device, shapes, 'parameters')

  it.each(cases)('%s takes ten steps as torch does', async (name, make, most, bytes) => {
    for (const laid of [apart, sideBySide]) {
      const before = memory.liveBytes
      const scope = memory.open()
      const parameters = laid([0, 1, 2].map((i) => [...fixture.info(`start.p${i}`).shape]))
      for (const [i, parameter] of parameters.entries()) parameter.write(await fixture.readF32(`start.p${i}`))
      const optimizer = make(parameters, { noDecay: new Set(parameters.slice(2)) })
      const norms = await fixture.readF32('norms')
      for (const [step, wanted] of norms.entries()) {
        const entries = parameters.map(async (each, i) => [each, await load(`grad.${step}.p${i}`)] as const)
        const clip = optimizer.step(new Map(await Promise.all(entries)), 0.05 / (step + 1), 2)
        expect((await clip.read())[1]).toBeCloseTo(wanted, 5)
        for (const [i, parameter] of parameters.entries()) {
          const [given, expected] = [await parameter.read(), await fixture.readF32(`${name}.after.${step}.p${i}`)]
          expect(Math.max(...given.map((value, at) => Math.abs(value - (expected[at] ?? NaN))))).toBeLessThan(most)
        }
      }
      expect(norms.some((norm) => norm > 2) && norms.some((norm) => norm < 2)).toBe(true)
      const kept = optimizer.state().reduce((sum, { tensor }) => sum + tensor.byteLength, 0)
      expect(kept).toBe(bytes)
      optimizer.dispose()
      scope.close()
      expect(memory.liveBytes).toBe(before)
    }
  })

  it.each([
    ['SGD', sgd({ weightDecay: 0.1 })],
    ['SGD with momentum', sgd({ momentum: 0.9, weightDecay: 0.1 })],
    ['Muon', muon({})],
  ])('%s changes nothing where a gradient is not finite', async (_, make) => {
    const scope = memory.open()
    const parameters = apart([[3, 2], [4]])
    const starts = parameters.map(({ count }) => normals(count))
    parameters.forEach((parameter, i) => parameter.write(starts[i] ?? new Float32Array()))
    for (const bad of [NaN, Infinity, -Infinity]) {
      const optimizer = make(parameters, {})
      const grads = parameters.map(({ shape, count }, i) => {
        return fromArray(device, normals(count).fill(bad, 0, i), shape, 'grad')
      })
      const clip = optimizer.step(new Map(parameters.map((each, i) => [each, grads[i] ?? each])), 0.1, 1)
      expect((await clip.read())[0]).toBe(0)
      expect(await Promise.all(parameters.map((each) => each.read()))).toEqual(starts)
      for (const { tensor } of optimizer.state()) expect((await tensor.read()).every((value) => value === 0)).toBe(true)
      optimizer.dispose()
    }
    scope.close()
  })

  it('refuse what they cannot go by', () => {
    const scope = memory.open()
    const refusedBySgd = (options: unknown) => expect(() => new Sgd(apart([[2]]), options as SgdOptions))
    refusedBySgd({ nesterov: true }).toThrow('SGD: nesterov needs a momentum above 0 and dampening 0, got 0 and 0')
    refusedBySgd({ nesterov: true, momentum: 0.9, dampening: 0.1 }).toThrow('SGD: nesterov needs a momentum above 0')
    refusedBySgd({ momentum: -1 }).toThrow('SGD: momentum must be a number from 0 and at most 1e+37, got -1')
    const refusedByMuon = (options: unknown) => expect(() => new Muon(apart([[2, 2]]), options as MuonOptions))
    refusedByMuon({ nsCoefficients: [1, 2] }).toThrow('Muon: nsCoefficients must be three numbers, got [1, 2]')
    refusedByMuon({ nsSteps: 100 }).toThrow('Muon: nsSteps must be a whole number from 1 to 99, got 100')
    refusedByMuon({ adjustLrFn: 'none' }).toThrow(
      `Muon: adjustLrFn must be 'original' or 'match_rms_adamw', got "none"`,
    )
    scope.close()
  })
})
