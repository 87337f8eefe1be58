import { afterAll, describe, expect, it } from 'vitest'
import { packedZeros, zerosBeside } from '../../../src/tensor/packed.ts'
import { fromArray, type Tensor } from '../../../src/tensor/tensor.ts'
import { GradientAccumulator, type StepShare } from '../../../src/train/step/gradient-accumulator.ts'
import { testEngines } from '../../device/devices.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('GradientAccumulator on $description', (device) => {
  const { memory } = device
  const alone = fromArray(device, Float32Array.of(0, 0), [2], 'parameter')
  const [a, b, c] = packedZeros(device, [[2], [3], [1]], 'packed') as [Tensor, Tensor, Tensor]

  /** A micro-batch whose loss depends on some parameters, all of whose gradients are `value`. */
  function share(parameters: readonly Tensor[], value: number): StepShare {
    const places = zerosBeside([a, b, c])
    const grads = parameters.map((parameter) => {
      const place =
        places.get(parameter) ?? fromArray(device, new Float32Array(parameter.count), parameter.shape, 'grad')
      place.write(new Float32Array(parameter.count).fill(value))
      return [parameter, place] as const
    })
    fromArray(device, new Float32Array(50), [50], 'what the loss has left over')
    return { loss: fromArray(device, Float32Array.of(10 * value), [1], 'loss'), grads: new Map(grads), metrics: null }
  }

  it.each<[string, readonly (readonly Tensor[])[]]>([
    [
      'alike',
      [
        [alone, a, b, c],
        [alone, a, b, c],
        [alone, a, b, c],
      ],
    ],
    ['of some parameters first', [[a], [alone, a, b, c], [b, c]]],
    ['of fewer later', [[alone, a, b, c], [b], [alone, c]]],
    ['of one after another', [[c], [b], [a], [alone, a], [b, c]]],
  ])('adds up gradients %s, and leaves no byte', async (_, micro) => {
    const before = [memory.liveBytes, memory.liveBuffers]
    const gradients = new GradientAccumulator(memory)
    const scope = memory.open()
    micro.forEach((parameters, i) => gradients.add(() => share(parameters, 2 ** i)))
    expect(scope.buffers.size).toBe(0)
    scope.close()
    const { loss, grads } = gradients.total
    expect(await loss.item()).toBe(10 * (2 ** micro.length - 1))
    const sums = [alone, a, b, c].map((parameter) =>
      micro.reduce((sum, parameters, i) => sum + (parameters.includes(parameter) ? 2 ** i : 0), 0),
    )
    for (const [i, parameter] of [alone, a, b, c].entries()) {
      expect(await grads.get(parameter)?.read()).toEqual(new Float32Array(parameter.count).fill(sums[i] ?? NaN))
    }
    gradients.dispose()
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
  })

  it('frees what a micro-batch that fails has allocated, and keeps the ones before', async () => {
    const before = memory.liveBytes
    const gradients = new GradientAccumulator(memory)
    gradients.add(() => share([alone, a], 3))
    const held = memory.liveBytes
    const fail = () => {
      share([alone, a], 1)
      throw new Error('no room')
    }
    expect(() => gradients.add(fail)).toThrow('no room')
    expect(memory.liveBytes).toBe(held)
    expect(await gradients.total.grads.get(a)?.read()).toEqual(Float32Array.of(3, 3))
    gradients.dispose()
    expect(memory.liveBytes).toBe(before)
    expect(() => gradients.total).toThrow('nothing was added')
  })
})
