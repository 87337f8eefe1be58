import { afterAll, describe, expect, it } from 'vitest'
import { checkpointed } from '../../src/autograd/checkpointed.ts'
import { Tape } from '../../src/autograd/tape.ts'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { add } from '../../src/ops/add.ts'
import { dropout } from '../../src/ops/dropout.ts'
import { gelu } from '../../src/ops/activations/gelu.ts'
import { linear } from '../../src/ops/linear.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'
import { testEngines } from '../device/devices.ts'
import { weightedSum } from '../ops/gradient-check.ts'

seedDraws('checkpointed')

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('checkpointed on $description', (device) => {
  const { memory } = device
  const leaf = (shape: readonly number[], requiresGrad = true): Tensor => {
    const made = fromArray(device, normals(shape.reduce((a, b) => a * b, 1)), shape, 'leaf')
    made.requiresGrad = requiresGrad
    return made
  }
  const weights = normals(12)
  /** The bits of a loss and its gradients, after a look that nothing else is left. */
  const outcome = async (parameters: readonly Tensor[], out: () => Tensor): Promise<(Float32Array | undefined)[]> => {
    const before = memory.liveBytes
    const scope = memory.open()
    const { loss, grads } = valueAndGrad({ trainableParameters: () => parameters }, () => weightedSum(out(), weights))(
      null,
    )
    const left = [loss, ...grads.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(memory.liveBytes - before).toBe(left)
    expect(Tape.active).toBeNull()
    const bits = await Promise.all([loss.read(), ...parameters.map(async (each) => grads.get(each)?.read())])
    scope.close()
    return bits
  }
  const scoped = async (work: () => Promise<void>): Promise<void> => {
    const before = memory.liveBytes
    const scope = memory.open()
    await work()
    scope.close()
    expect(memory.liveBytes).toBe(before)
  }

  it('gives the bits of the plain block, to what is trained before it and inside it', () =>
    scoped(async () => {
      const [x, w, v, bias] = [leaf([3, 4]), leaf([8, 4]), leaf([4, 8], false), leaf([4])]
      const layer = (input: Tensor): Tensor => add(input, dropout(linear(gelu(linear(input, w)), v, bias), 0.25, 7))
      const block = (input: Tensor): Tensor =>
        checkpointed(device, { inputs: [input], trainable: [w, bias] }, () => layer(input))
      const plain = await outcome([x, w, bias], () => layer(layer(gelu(x))))
      expect(plain.map((bits) => bits?.length)).toEqual([1, 12, 32, 4])
      expect(await outcome([x, w, bias], () => block(block(gelu(x))))).toEqual(plain)
      expect(await outcome([w, bias], () => block(block(gelu(x))))).toEqual([plain[0], plain[2], plain[3]])
      x.requiresGrad = false
      expect(await outcome([w, bias], () => block(block(gelu(x))))).toEqual([plain[0], plain[2], plain[3]])
    }))

  it('leaves a gradient that it shares with others to them', () =>
    scoped(async () => {
      const [a, b] = [leaf([3, 4]), leaf([3, 4])]
      const inside = (input: Tensor): Tensor => add(gelu(input), input)
      const both = (block: (input: Tensor) => Tensor) => outcome([a, b], () => add(gelu(b), add(block(a), b)))
      const through = (input: Tensor): Tensor =>
        checkpointed(device, { inputs: [input], trainable: [] }, () => inside(input))
      expect(await both(through)).toEqual(await both(inside))
      const passed = (input: Tensor): Tensor =>
        checkpointed(device, { inputs: [input, b], trainable: [] }, () => add(input, b))
      expect(await both(passed)).toEqual(await both((input) => add(input, b)))
    }))

  it('nests', () =>
    scoped(async () => {
      const [x, w] = [leaf([3, 4]), leaf([4, 4])]
      const layer = (input: Tensor): Tensor => gelu(linear(gelu(input), w))
      const once = (input: Tensor): Tensor =>
        checkpointed(device, { inputs: [input], trainable: [w] }, () => layer(input))
      const twice = (input: Tensor): Tensor =>
        checkpointed(device, { inputs: [input], trainable: [w] }, () => once(once(input)))
      expect(await outcome([x, w], () => twice(x))).toEqual(await outcome([x, w], () => layer(layer(x))))
    }))

  it('keeps its inputs and its result only, and runs the block again on the way back', () =>
    scoped(async () => {
      const [x, w] = [leaf([3, 4]), leaf([4, 4])]
      let runs = 0
      await outcome([x, w], () => {
        const input = gelu(x)
        const before = memory.liveBuffers
        const out = checkpointed(device, { inputs: [input], trainable: [w] }, () => {
          runs++
          return gelu(linear(gelu(input), w))
        })
        expect(memory.liveBuffers - before).toBe(1)
        expect(runs).toBe(1)
        return out
      })
      expect(runs).toBe(2)
    }))

  it('runs once where nothing is trained or no tape records', () =>
    scoped(async () => {
      const [x, w] = [leaf([3, 4]), leaf([4, 4], false)]
      let runs = 0
      const block = (input: Tensor): Tensor =>
        checkpointed(device, { inputs: [input], trainable: [w] }, () => {
          runs++
          return gelu(linear(gelu(input), w))
        })
      const before = memory.liveBuffers
      expect(block(x).requiresGrad).toBe(false)
      expect(memory.liveBuffers - before).toBe(1)
      const frozen = leaf([3, 4], false)
      await outcome([x], () => add(block(frozen), x))
      expect(runs).toBe(2)
    }))

  it('puts the tape back when the block throws, and leaves no byte', () =>
    scoped(async () => {
      const x = leaf([3, 4])
      const before = memory.liveBytes
      let runs = 0
      const failing = (at: number) => () =>
        outcome([x], () =>
          checkpointed(device, { inputs: [x], trainable: [] }, () => {
            if (++runs === at) throw new Error(`stop at ${at}`)
            return gelu(gelu(x))
          }),
        )
      for (const at of [1, 2]) {
        runs = 0
        const scope = memory.open()
        await expect(failing(at)()).rejects.toThrow(`stop at ${at}`)
        scope.close()
        expect(Tape.active).toBeNull()
      }
      expect(memory.liveBytes).toBe(before)
    }))
})
