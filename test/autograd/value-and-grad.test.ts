import { afterAll, describe, expect, it } from 'vitest'
import { tidy, record, records } from '../../src/autograd/record.ts'
import { Tape } from '../../src/autograd/tape.ts'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { add } from '../../src/ops/add.ts'
import { gelu } from '../../src/ops/activations/gelu.ts'
import { layerNorm } from '../../src/ops/layer-norm.ts'
import { linear } from '../../src/ops/linear.ts'
import { packedZeros } from '../../src/tensor/packed.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { weightedSum } from '../ops/gradient-check.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('on $description', (device) => {
  const { memory } = device
  const leaf = (values: readonly number[], shape: readonly number[] = [values.length], requiresGrad = true): Tensor => {
    const made = fromArray(device, Float32Array.from(values), shape, 'leaf')
    made.requiresGrad = requiresGrad
    return made
  }
  const train = (parameters: readonly Tensor[], lossOf: () => Tensor) =>
    valueAndGrad({ trainableParameters: () => parameters }, lossOf)(null)
  const freeing = async (work: () => Promise<void>): Promise<void> => {
    const before = [memory.liveBytes, memory.liveBuffers]
    const scope = memory.open()
    try {
      await work()
    } finally {
      scope.close()
    }
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
    expect(Tape.active).toBeNull()
  }
  const [ones, twos] = [new Float32Array(3).fill(1), new Float32Array(3).fill(2)]

  it('adds up the gradients of a value used twice, and thrice', () =>
    freeing(async () => {
      const a = leaf([1, 2, 3])
      const { loss, grads } = train([a], () => weightedSum(add(a, a), twos))
      expect(await loss.item()).toBe(24)
      expect(await grads.get(a)?.read()).toEqual(Float32Array.of(4, 4, 4))
      const thrice = train([a], () => weightedSum(add(add(a, a), a), ones))
      expect(await thrice.grads.get(a)?.read()).toEqual(Float32Array.of(3, 3, 3))
      const chain = train([a], () => {
        const b = add(a, a)
        const c = add(b, b)
        return weightedSum(add(c, b), ones)
      })
      expect(await chain.grads.get(a)?.read()).toEqual(Float32Array.of(6, 6, 6))
    }))

  it('hands a rule the total of an input that it adds to, in a buffer of its own', () =>
    freeing(async () => {
      const a = leaf([1, 2, 3])
      const handed: (Float32Array | null)[] = []
      const reads: Promise<void>[] = []
      const gradientOf = async (work: () => Tensor): Promise<number[]> => {
        const { grads } = train([a], () => weightedSum(work(), ones))
        await Promise.all(reads)
        return [...((await grads.get(a)?.read()) ?? [])]
      }
      /** Three times its input, with a rule that adds to what the input has. */
      const tripled = (x: Tensor): Tensor => {
        const y = Tape.during(null, () => add(add(x, x), x))
        return record(
          y,
          [x],
          (dOut, _, [total = null]) => {
            const at = handed.push(null) - 1
            if (total) reads.push(total.read().then((values) => void (handed[at] = values)))
            expect(total?.buffer).not.toBe(dOut.buffer)
            const sum = total ?? zeros(device, [3], 'total')
            device.run('accumulate', { x: dOut, target: sum }, { count: 3, alpha: 3 })
            return [sum]
          },
          { addsTo: [x] },
        )
      }
      expect(await gradientOf(() => tripled(a))).toEqual([3, 3, 3])
      // The sum's gradient is that of both its parts: here it is shared, and must be copied.
      expect(await gradientOf(() => add(tripled(a), a))).toEqual([4, 4, 4])
      expect(await gradientOf(() => add(tripled(a), add(a, a)))).toEqual([5, 5, 5])
      expect(await gradientOf(() => tripled(add(tripled(a), a)))).toEqual([12, 12, 12])
      expect(handed.map((values) => values && [...values])).toEqual([null, [1, 1, 1], [2, 2, 2], null, [3, 3, 3]])
    }))

  it('goes through residual chains', () =>
    freeing(async () => {
      const [a, w] = [leaf([1, -2], [1, 2]), leaf([0.5, 0, 0, 2], [2, 2])]
      // y = x + x W three times over, with W diagonal: dy/dx = (1 + w)³.
      const { grads } = train([a, w], () => {
        let x = a
        for (let i = 0; i < 3; i++) x = add(x, linear(x, w))
        return weightedSum(x, Float32Array.of(1, 1))
      })
      expect(await grads.get(a)?.read()).toEqual(Float32Array.of(1.5 ** 3, 27))
      const [dW0 = NaN, , , dW3 = NaN] = (await grads.get(w)?.read()) ?? []
      expect([dW0, dW3]).toEqual([3 * 1.5 ** 2, -2 * 3 * 9])
    }))

  it('gives each of two parameters that share a gradient one of its own', () =>
    freeing(async () => {
      const [a, b, c] = [leaf([1, 2, 3]), leaf([4, 5, 6]), leaf([0, 0, 0])]
      const { grads } = train([a, b, c], () => weightedSum(add(add(a, b), c), twos))
      expect(new Set([...grads.values()].map(({ buffer }) => buffer)).size).toBe(3)
      grads.get(a)?.write(new Float32Array(3))
      expect(await grads.get(b)?.read()).toEqual(twos)
      expect(await grads.get(c)?.read()).toEqual(twos)
    }))

  it('lays the gradients of parameters on one buffer as these lie, by rules that add and by rules that do not', () =>
    freeing(async () => {
      const x = leaf([1, -2], [1, 2], false)
      const [w, b, unused, c] = packedZeros(device, [[2, 2], [2], [3], [1, 2]], 'pack') as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ]
      const all = [w, b, unused, c]
      for (const parameter of all) parameter.requiresGrad = true
      w.write(Float32Array.of(0.5, 0, 0, 2))
      const { grads } = train(all, () => {
        // W and b are used twice, c by an op that adds to nothing.
        const y = linear(add(linear(x, w, b), c), w, b)
        return weightedSum(y, Float32Array.of(1, 1))
      })
      // With z = W x and dz = Wᵀ 1 = [0.5, 2]: dW = 1 zᵀ + dz xᵀ, db = 1 + dz, dc = dz.
      expect(await grads.get(w)?.read()).toEqual(Float32Array.of(0.5 + 0.5, -4 - 1, 0.5 + 2, -4 - 4))
      expect(await grads.get(b)?.read()).toEqual(Float32Array.of(1.5, 3))
      expect(await grads.get(c)?.read()).toEqual(Float32Array.of(0.5, 2))
      expect([...grads.keys()]).toEqual([w, b, c])
      expect(new Set([...grads.values()].map(({ buffer }) => buffer)).size).toBe(1)
      for (const [parameter, grad] of grads) expect(grad.byteOffset).toBe(parameter.byteOffset)
    }))

  it('leaves out parameters the loss does not depend on, and what is not asked for', () =>
    freeing(async () => {
      const [a, b, unused] = [leaf([1, 2, 3]), leaf([4, 5, 6]), leaf([7, 8, 9])]
      const { grads } = train([a, unused], () => weightedSum(add(a, b), ones))
      expect([...grads.keys()]).toEqual([a])
    }))

  it('frees all but the loss and the gradients, to the byte, which belong to the scope around', () =>
    freeing(async () => {
      const [x, w] = [leaf([1, 2, 3, 4, 5, 6], [2, 3], false), leaf([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3])]
      const [weight, bias] = [leaf([1, 1, 1]), leaf([0, 0, 0])]
      const before = memory.liveBytes
      memory.scoped(() => {
        const { loss, grads } = train([w, weight, bias], () =>
          weightedSum(gelu(layerNorm(linear(x, w), weight, bias, 1e-5)), new Float32Array(6).fill(1)),
        )
        expect(memory.liveBytes - before).toBe(loss.byteLength + 4 * (9 + 3 + 3))
        expect(grads.size).toBe(3)
      })
      expect(memory.liveBytes).toBe(before)
    }))

  it('notes nothing where nothing is trained, and frees what only a rule would read', () =>
    freeing(async () => {
      const [x, weight, bias] = [
        leaf([1, 2, 3], [1, 3], false),
        leaf([1, 1, 1], [3], false),
        leaf([0, 0, 0], [3], false),
      ]
      const before = memory.liveBuffers
      const tape = new Tape()
      Tape.active = tape
      try {
        expect(records([x, weight])).toBe(false)
        const y = layerNorm(x, weight, bias, 1e-5)
        expect(y.requiresGrad).toBe(false)
        expect(memory.liveBuffers - before).toBe(1)
      } finally {
        Tape.active = null
      }
      expect(records([leaf([1])])).toBe(false)
      const saved = leaf([1])
      expect(record(x, [leaf([1])], () => [], { saved: [saved] })).toBe(x)
      expect(memory.isLive(saved.buffer)).toBe(false)
    }))

  it('asks a rule only for the gradients that are needed', () =>
    freeing(async () => {
      const [a, b] = [leaf([1, 2, 3]), leaf([1, 2, 3], [3], false)]
      const asked: (readonly boolean[])[] = []
      train([a], () => {
        const y = add(a, b)
        const z = record(gelu(b), [b, null, y], (dOut, needs) => {
          asked.push(needs)
          return [null, null, dOut]
        })
        return weightedSum(z, ones)
      })
      expect(asked).toEqual([[false, false, true]])
    }))

  it('refuses a loss that is none, and leaves no byte', () =>
    freeing(async () => {
      const [a, frozen] = [leaf([1, 2, 3]), leaf([1, 2, 3], [3], false)]
      const before = [memory.liveBytes, memory.liveBuffers]
      const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })
      expect(() => train([], () => weightedSum(a, ones))).toThrow(
        refusal('config', 'valueAndGrad: the model has no trainable parameter; attach an adapter first'),
      )
      expect(() => train([a], () => add(a, a))).toThrow(
        refusal('shape', 'valueAndGrad: the loss must be a scalar, not [3]'),
      )
      expect(() => train([a], () => weightedSum(frozen, ones))).toThrow(
        refusal('config', 'valueAndGrad: the loss depends on no trainable parameter'),
      )
      const stop = () => {
        add(a, a)
        throw new Error('stop')
      }
      expect(() => train([a], stop)).toThrow('stop')
      const failing = () =>
        train([a], () =>
          weightedSum(
            record(gelu(a), [a], () => {
              throw new Error('no way back')
            }),
            ones,
          ),
        )
      expect(failing).toThrow('no way back')
      expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
    }))

  it('restores the tape around it, also when the loss throws', () =>
    freeing(async () => {
      const a = leaf([1, 2, 3])
      const outer = new Tape()
      Tape.active = outer
      try {
        train([a], () => weightedSum(add(a, a), ones))
        expect(Tape.active).toBe(outer)
        expect(() =>
          train([a], () => {
            throw new Error('stop')
          }),
        ).toThrow('stop')
        expect(Tape.active).toBe(outer)
      } finally {
        Tape.active = null
      }
    }))

  it('block frees what lies between, but what rules will read while a tape records', () =>
    freeing(async () => {
      const a = leaf([1, 2, 3])
      const before = memory.liveBuffers
      const y = tidy(device, () => gelu(gelu(gelu(a))))
      expect(memory.liveBuffers - before).toBe(1)
      expect(await y.read()).toHaveLength(3)
      let during = 0
      train([a], () => {
        const held = memory.liveBuffers
        const z = tidy(device, () => gelu(gelu(a)))
        during = memory.liveBuffers - held
        return weightedSum(z, ones)
      })
      expect(during).toBe(2)
      const [x, w] = [leaf([1, 2, 3], [1, 3]), leaf([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3], false)]
      // Only gelu reads what it was given; of the products with a frozen matrix none is read, nor the sum.
      const layer = (input: Tensor): Tensor => add(linear(gelu(linear(linear(input, w), w)), w), input)
      const gradient = async (wrap: (work: () => Tensor) => Tensor): Promise<Float32Array | undefined> => {
        const { grads } = train([x], () => {
          const held = memory.liveBuffers
          const z = wrap(() => layer(layer(x)))
          during = memory.liveBuffers - held
          return weightedSum(z, ones)
        })
        return grads.get(x)?.read()
      }
      const plain = await gradient((work) => work())
      expect(during).toBe(10)
      expect(await gradient((work) => tidy(device, work))).toEqual(plain)
      expect(during).toBe(3)
      expect(await gradient((work) => tidy(device, () => tidy(device, work)))).toEqual(plain)
      expect(during).toBe(3)
    }))
})
