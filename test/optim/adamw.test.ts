import { afterAll, describe, expect, it, vi } from 'vitest'
import { AdamW, type AdamWOptions } from '../../src/optim/adamw.ts'
import { clipFactor } from '../../src/optim/clipping.ts'
import { packedZeros, zerosBeside } from '../../src/tensor/packed.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { limitAllocations } from '../device/limit-allocations.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

seedDraws('adamw')

const fixture = await openFixture('ops.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('on $description', (device) => {
  const { memory } = device
  const load = async (name: string) => fromArray(device, await fixture.readF32(name), fixture.info(name).shape, name)
  const vector = (...values: number[]) => fromArray(device, Float32Array.from(values), [values.length], 'vector')

  const apart = (shapes: readonly number[][]) => shapes.map((shape) => zeros(device, shape, 'parameter'))
  const sideBySide = (shapes: readonly number[][]) => packedZeros(device, shapes, 'parameters')

  it.each([
    ['apart', apart],
    ['side by side', sideBySide],
  ])('AdamW takes five steps as torch does, with decay, clipping and a falling rate: %s', async (_, make) => {
    const before = memory.liveBytes
    const scope = memory.open()
    const names = ['p0', 'p1'] as const
    const [p0, p1] = make(names.map((name) => [...fixture.info(`adamw.start.${name}`).shape])) as [Tensor, Tensor]
    for (const [i, parameter] of [p0, p1].entries()) {
      parameter.write(await fixture.readF32(`adamw.start.${names[i]}`))
    }
    const optimizer = new AdamW([p0, p1], { betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.1, noDecay: new Set([p1]) })
    const norms = await fixture.readF32('adamw.norms')
    for (let step = 0; step < 5; step++) {
      const [g0, g1] = [await load(`adamw.grad.${step}.p0`), await load(`adamw.grad.${step}.p1`)]
      const clip = optimizer.step(
        new Map([
          [p0, g0],
          [p1, g1],
        ]),
        0.05 / (step + 1),
        2,
      )
      const [factor, norm] = await clip.read()
      const wanted = norms[step] ?? NaN
      expect(norm).toBeCloseTo(wanted, 5)
      expect(factor).toBeCloseTo(Math.min(1, 2 / (wanted + 1e-6)), 5)
      for (const [i, parameter] of [p0, p1].entries()) {
        const [given, expected] = [await parameter.read(), await fixture.readF32(`adamw.after.${step}.${names[i]}`)]
        expect(Math.max(...given.map((value, at) => Math.abs(value - (expected[at] ?? NaN))))).toBeLessThan(1e-6)
      }
    }
    expect(norms.some((norm) => norm > 2) && norms.some((norm) => norm < 2)).toBe(true)
    expect(optimizer.steps).toBe(5)
    scope.close()
    expect(memory.liveBytes - before).toBe(2 * 4 * (35 + 7))
    optimizer.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('AdamW updates parameters side by side as it does apart, to the bit, and nothing else of their buffer', async () => {
    const before = memory.liveBytes
    const scope = memory.open()
    const shapes = [[5, 7], [64], [3, 40], [1], [2, 64]]
    const starts = shapes.map(([a = 1, b = 1]) => normals(a * b))
    const steps = [0, 1, 2].map(() => starts.map(({ length }) => normals(length)))
    const train = async (all: readonly Tensor[], order: readonly number[]): Promise<Float32Array[]> => {
      all.forEach((parameter, i) => parameter.write(starts[i]!))
      // The third is not trained: it splits the run.
      const trained = order.map((i) => all[i]!)
      const optimizer = new AdamW(trained, { weightDecay: 0.1, noDecay: new Set([all[1]!]) })
      expect(optimizer.parameters).toEqual(trained)
      expect(optimizer.state().map(({ parameter }) => parameter)).toEqual(trained.flatMap((each) => [each, each]))
      for (const grads of steps) {
        const given = new Map(all.map((parameter, i) => [parameter, fromArray(device, grads[i]!, shapes[i]!, 'grad')]))
        expect(optimizer.step(given, 0.05).shape).toEqual([2])
      }
      const moments = all.flatMap((parameter) => {
        return optimizer.state().flatMap((each) => (each.parameter === parameter ? [each.tensor] : []))
      })
      const values = await Promise.all([...all, ...moments].map((tensor) => tensor.read()))
      optimizer.dispose()
      return values
    }
    const expected = await train(apart(shapes), [0, 1, 3, 4])
    expect(expected[2]).toEqual(starts[2])
    expect(await train(sideBySide(shapes), [0, 1, 3, 4])).toEqual(expected)
    expect(await train(sideBySide(shapes), [4, 1, 0, 3])).toEqual(expected)
    scope.close()
    expect(memory.liveBytes).toBe(before)
  })

  it('AdamW moves each parameter at its own rate and decay, side by side as by itself', async () => {
    const scope = memory.open()
    const shapes = [[4, 16], [64], [3, 64]]
    const [starts, grads] = [shapes, shapes].map((all) => all.map(([n = 1, m = 1]) => normals(n * m)))
    const all = sideBySide(shapes)
    all.forEach((parameter, i) => parameter.write(starts?.[i] ?? new Float32Array()))
    const gradOf = (i: number) => fromArray(device, grads?.[i] ?? new Float32Array(), shapes[i] ?? [], 'grad')
    const factors = [1, 16, 0.5]
    const rates = new Map(all.map((parameter, i) => [parameter, factors[i] ?? 1]))
    const optimizer = new AdamW(all, { weightDecay: 0.1, rates })
    optimizer.step(new Map(all.map((parameter, i) => [parameter, gradOf(i)])), 0.01)
    for (const [i, parameter] of all.entries()) {
      const alone = fromArray(device, starts?.[i] ?? new Float32Array(), shapes[i] ?? [], 'alone')
      const single = new AdamW([alone], { weightDecay: 0.1 })
      single.step(new Map([[alone, gradOf(i)]]), 0.01 * (factors[i] ?? 1))
      expect(await parameter.read()).toEqual(await alone.read())
      single.dispose()
    }
    expect(() => new AdamW(all, { rates: new Map([[all[0]!, -1]]) })).toThrow(
      'AdamW: rates must be a Map of numbers from 0, by parameter, got ',
    )
    optimizer.dispose()
    scope.close()
  })

  it('AdamW goes over an adapter with one kernel, whatever the number of its parameters', () => {
    const scope = memory.open()
    const all = sideBySide([
      [4, 64],
      [64, 4],
      [4, 64],
      [32, 4],
    ])
    const optimizer = new AdamW(all)
    const ran: string[] = []
    const run = device.run.bind(device)
    device.run = (name, ...rest) => {
      ran.push(name)
      run(name, ...rest)
    }
    const copies = vi.spyOn(device, 'copy')
    optimizer.step(new Map(all.map((each) => [each, zeros(device, each.shape, 'grad')])), 0.1, 1)
    expect(ran.splice(0).filter((name) => name !== 'fill')).toEqual(['sumSquares', 'clipFactor', 'adamw'])
    expect(copies).toHaveBeenCalledTimes(4)
    // Gradients that lie as the parameters do are taken as they are.
    const grads = zerosBeside(all)
    ran.splice(0)
    optimizer.step(grads, 0.1, 1)
    expect(ran).toEqual(['sumSquares', 'clipFactor', 'adamw'])
    expect(copies).toHaveBeenCalledTimes(4)
    copies.mockRestore()
    device.run = run
    optimizer.dispose()
    scope.close()
  })

  it('AdamW changes nothing where a gradient is not finite', async () => {
    for (const bad of [NaN, Infinity, -Infinity, 3e38]) {
      const scope = memory.open()
      const parameter = vector(1, -2, 3)
      const optimizer = new AdamW([parameter], { weightDecay: 0.1 })
      const clip = optimizer.step(new Map([[parameter, vector(1, bad, bad)]]), 0.1, 1)
      expect((await clip.read())[0]).toBe(0)
      expect([...(await parameter.read())]).toEqual([1, -2, 3])
      expect(optimizer.state().map(({ name, tensor }) => [name, tensor.dtype])).toEqual([
        ['m', 'f32'],
        ['v', 'f32'],
      ])
      for (const { tensor } of optimizer.state()) expect([...(await tensor.read())]).toEqual([0, 0, 0])
      optimizer.dispose()
      scope.close()
    }
  })

  it('AdamW refuses a parameter without a gradient, and changes nothing', async () => {
    const [a, b] = [vector(1, 2), zeros(device, [2, 3], 'b')]
    const optimizer = new AdamW([a, b])
    expect(() => optimizer.step(new Map([[a, vector(1, 1)]]), 0.1)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: 'AdamW: the parameter of shape [2,3] has no gradient; freeze it or use it in the loss',
      }),
    )
    expect(optimizer.steps).toBe(0)
    expect(await a.read()).toEqual(Float32Array.of(1, 2))
    optimizer.dispose()
  })

  it('AdamW refuses what it cannot go by, and allocates nothing', async () => {
    const scope = memory.open()
    const [a, b] = [vector(1, 2), vector(3, 4)]
    const before = memory.liveBytes
    const refused = (parameters: unknown, options: unknown = {}) =>
      expect(() => new AdamW(parameters as Tensor[], options as AdamWOptions))
    refused([a], { betas: [1, 0.9] }).toThrow('AdamW: betas must be two numbers from 0 and below 1, got [1, 0.9]')
    refused([a], { betas: [0.9, -0.1] }).toThrow('AdamW: betas must be two numbers from 0 and below 1, got [0.9, -0.1]')
    refused([a], { eps: '1e-8' }).toThrow('AdamW: eps must be a number from 1e-37 and at most 1e+37, got "1e-8"')
    refused([a], { weight_decay: 0.1 }).toThrow('AdamW: there is no option "weight_decay"; did you mean weightDecay?')
    refused([a], { lr: 0.1 }).toThrow('AdamW: there is no option "lr"; it has betas, eps, weightDecay, noDecay, rates')
    refused([a], { noDecay: [b] }).toThrow('AdamW: noDecay must be a Set of parameters, got [')
    refused([]).toThrow('AdamW: there is no parameter to train; attach an adapter first')
    refused(3).toThrow('AdamW: parameters must be a list of tensors, such as model.trainableParameters(), got 3')
    refused([a, 'lora_A']).toThrow(
      'AdamW: parameter 1 must be a parameter in f32, such as model.trainableParameters() gives, got "lora_A"',
    )
    refused([a, b, a]).toThrow('AdamW: a parameter is given twice')
    for (const room of [0, 1, 2, 3]) {
      const limit = limitAllocations(device, room)
      refused([a, b]).toThrow(expect.objectContaining({ code: 'memory' }))
      limit.lift()
      expect(memory.liveBytes).toBe(before)
    }
    const optimizer = new AdamW([a, b])
    const [right, wrong] = [vector(1, 1), vector(1, 1, 1)]
    const step = (grads: readonly Tensor[], rate: unknown = 0.1) =>
      expect(() => optimizer.step(new Map([a, b].map((each, i) => [each, grads[i]!])), rate as number))
    step([right, wrong]).toThrow('AdamW: the gradient of the parameter of shape [2] is [3]')
    step([right, right], '0.1').toThrow('AdamW: learningRate must be a number from 0 and at most 1e+37, got "0.1"')
    step([right, right], NaN).toThrow('AdamW: learningRate must be a number from 0 and at most 1e+37, got NaN')
    optimizer.dispose()
    step([right, right]).toThrow('AdamW: the optimizer was disposed of; make a new one')
    expect([optimizer.steps, [...(await a.read())]]).toEqual([0, [1, 2]])
    a.dispose()
    refused([a]).toThrow('AdamW: a parameter was disposed of; load the model again')
    scope.close()
  })

  it('clipFactor is 1 below the norm and for maxNorm 0, else brings the norm down to it', async () => {
    const grads = [vector(3, 0), vector(0, 4, 0)]
    const clip = async (maxNorm: number) => [...(await clipFactor(grads, maxNorm).read())]
    expect(await clip(0)).toEqual([1, 5])
    expect(await clip(10)).toEqual([1, 5])
    expect(await clip(1)).toEqual([expect.closeTo(0.2, 6), 5])
    expect(await clip(5)).toEqual([expect.closeTo(1, 6), 5])
    expect([...(await clipFactor([vector(0, 0)], 1).read())]).toEqual([1, 0])
    expect((await clipFactor([vector(1, NaN)], 1).read())[1]).toBeNaN()
    const before = memory.liveBuffers
    memory.scoped((scope) => scope.keep(clipFactor(grads, 1)))
    expect(memory.liveBuffers - before).toBe(1)
    expect(() => clipFactor([], 1)).toThrow('clipFactor: no gradients')
  })
})
