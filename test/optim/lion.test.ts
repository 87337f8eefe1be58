import { afterAll, describe, expect, it } from 'vitest'
import { Lion, type LionOptions } from '../../src/optim/lion.ts'
import { packedZeros, zerosBeside } from '../../src/tensor/packed.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

seedDraws('lion')

const fixture = await openFixture('lion.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('Lion on $description', (device) => {
  const { memory } = device
  const load = async (name: string) => fromArray(device, await fixture.readF32(name), fixture.info(name).shape, name)
  const vector = (...values: number[]) => fromArray(device, Float32Array.from(values), [values.length], 'vector')
  const apart = (shapes: readonly number[][]) => shapes.map((shape) => zeros(device, shape, 'parameter'))
  const sideBySide = (shapes: readonly number[][]) => packedZeros(device, shapes, 'parameters')

  it.each([
    ['apart', apart],
    ['side by side', sideBySide],
  ])('takes five steps as bitsandbytes does, with decay, clipping and a falling rate: %s', async (_, make) => {
    const before = memory.liveBytes
    const scope = memory.open()
    const names = ['p0', 'p1']
    const parameters = make(names.map((name) => [...fixture.info(`start.${name}`).shape]))
    for (const [i, parameter] of parameters.entries()) parameter.write(await fixture.readF32(`start.p${i}`))
    const noDecay = new Set(parameters.slice(1))
    const optimizer = new Lion(parameters, { betas: [0.8, 0.95], weightDecay: 0.1, noDecay })
    const norms = await fixture.readF32('norms')
    const isNear = async (given: Tensor, name: string, tolerance: number) => {
      const [values, expected] = [await given.read(), await fixture.readF32(name)]
      expect(values).toHaveLength(expected.length)
      expect(Math.max(...values.map((value, at) => Math.abs(value - (expected[at] ?? NaN))))).toBeLessThan(tolerance)
    }
    for (const [step, wanted] of norms.entries()) {
      const entries = parameters.map(async (each, i) => [each, await load(`grad.${step}.p${i}`)] as const)
      const clip = optimizer.step(new Map(await Promise.all(entries)), 0.05 / (step + 1), 2)
      const [factor, norm] = await clip.read()
      expect(norm).toBeCloseTo(wanted, 5)
      expect(factor).toBeCloseTo(Math.min(1, 2 / (wanted + 1e-6)), 5)
      // A turned sign would be off by at least 0.02.
      for (const [i, parameter] of parameters.entries()) await isNear(parameter, `after.${step}.p${i}`, 1e-6)
      for (const [i, { tensor }] of optimizer.state().entries()) await isNear(tensor, `m.${step}.p${i}`, 1e-7)
    }
    expect([Math.max(...norms) > 2, Math.min(...norms) < 2, optimizer.steps]).toEqual([true, true, 5])
    scope.close()
    expect(memory.liveBytes - before).toBe(4 * (35 + 7))
    optimizer.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('leaves a number alone whose momentum and gradient are 0, but for its decay', async () => {
    const scope = memory.open()
    const parameter = vector(1, -2, 3, -4, 5)
    const optimizer = new Lion([parameter], { weightDecay: 0.5 })
    optimizer.step(new Map([[parameter, vector(0, -0, 1e-30, -1e-30, 0)]]), 0.5)
    expect([...(await parameter.read())]).toEqual([0.75, -1.5, 1.75, -2.5, 3.75])
    optimizer.dispose()
    scope.close()
  })

  it('updates parameters side by side as it does apart, to the bit, each time, and nothing else of their buffer', async () => {
    const before = memory.liveBytes
    const scope = memory.open()
    const shapes = [[5, 7], [64], [3, 40], [1], [2, 64]]
    const starts = shapes.map(([a = 1, b = 1]) => normals(a * b))
    const steps = [0, 1, 2].map(() => starts.map(({ length }) => normals(length)))
    const train = async (all: readonly Tensor[], order: readonly number[]): Promise<Float32Array[]> => {
      all.forEach((parameter, i) => parameter.write(starts[i] ?? new Float32Array()))
      // The third is not trained: it splits the run.
      const trained = order.flatMap((i) => all.slice(i, i + 1))
      const optimizer = new Lion(trained, { weightDecay: 0.1, noDecay: new Set(all.slice(1, 2)) })
      for (const grads of steps) {
        const given = all.map(
          (each, i) => [each, fromArray(device, grads[i] ?? normals(0), each.shape, 'grad')] as const,
        )
        // Without clipping, since a norm is summed in another order.
        optimizer.step(new Map(given), 0.05)
      }
      const state = all.flatMap((each) => optimizer.state().filter(({ parameter }) => parameter === each))
      const values = await Promise.all([...all, ...state.map(({ tensor }) => tensor)].map((tensor) => tensor.read()))
      optimizer.dispose()
      return values
    }
    const expected = await train(apart(shapes), [0, 1, 3, 4])
    expect(expected).toHaveLength(9)
    expect(expected[2]).toEqual(starts[2])
    expect(await train(apart(shapes), [0, 1, 3, 4])).toEqual(expected)
    expect(await train(sideBySide(shapes), [0, 1, 3, 4])).toEqual(expected)
    expect(await train(sideBySide(shapes), [4, 1, 0, 3])).toEqual(expected)
    scope.close()
    expect(memory.liveBytes).toBe(before)
  })

  it('goes over an adapter with one kernel, whatever the number of its parameters', () => {
    const scope = memory.open()
    const all = sideBySide([
      [4, 64],
      [64, 4],
      [4, 64],
    ])
    const optimizer = new Lion(all)
    const grads = zerosBeside(all)
    const ran: string[] = []
    const run = device.run.bind(device)
    device.run = (name, ...rest) => {
      ran.push(name)
      run(name, ...rest)
    }
    optimizer.step(grads, 0.1, 1)
    device.run = run
    expect(ran).toEqual(['sumSquares', 'clipFactor', 'lion'])
    optimizer.dispose()
    scope.close()
  })

  it('changes nothing where a gradient is not finite', async () => {
    for (const bad of [NaN, Infinity, -Infinity, 3e38]) {
      const scope = memory.open()
      const parameter = vector(1, -2, 3)
      const optimizer = new Lion([parameter], { weightDecay: 0.1 })
      const clip = optimizer.step(new Map([[parameter, vector(1, bad, bad)]]), 0.1, 1)
      expect((await clip.read())[0]).toBe(0)
      expect([...(await parameter.read())]).toEqual([1, -2, 3])
      for (const { tensor } of optimizer.state()) expect([...(await tensor.read())]).toEqual([0, 0, 0])
      optimizer.dispose()
      scope.close()
    }
  })

  it('refuses what it cannot go by', () => {
    const scope = memory.open()
    const a = vector(1, 2)
    const refused = (parameters: unknown, options: unknown = {}) =>
      expect(() => new Lion(parameters as Tensor[], options as LionOptions))
    refused([a], { betas: [0.9, 1] }).toThrow('Lion: betas must be two numbers from 0 and below 1, got [0.9, 1]')
    refused([a], { eps: 1e-8 }).toThrow('Lion: there is no option "eps"; it has betas, weightDecay, noDecay, rates')
    refused([a], { weightDecay: -1 }).toThrow('Lion: weightDecay must be a number from 0 and at most 1e+37, got -1')
    refused([]).toThrow('Lion: there is no parameter to train; attach an adapter first')
    const optimizer = new Lion([a])
    const wrong = new Map([[a, vector(1, 1, 1)]])
    expect(() => optimizer.step(wrong, 0.1)).toThrow('Lion: the gradient of the parameter of shape [2] is [3]')
    optimizer.dispose()
    const right = new Map([[a, vector(1, 1)]])
    expect(() => optimizer.step(right, 0.1)).toThrow('Lion: the optimizer was disposed of; make a new one')
    scope.close()
  })
})
