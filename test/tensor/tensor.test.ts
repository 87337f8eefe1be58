import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { MedAwareError } from '../../src/core/errors.ts'
import { Random } from '../../src/core/random.ts'
import { add } from '../../src/ops/add.ts'
import { empty, fromArray, type HostValues, reshaped, rowsOf, zeros } from '../../src/tensor/tensor.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const make = (...shape: number[]) => zeros(device, shape, 'x')
const from = (values: unknown, shape: readonly number[]) => fromArray(device, values as HostValues, shape, 'x')
const kinds = 'Float32Array, Uint16Array, Int32Array, Uint8Array'

describe('what a caller got wrong is said, and leaves nothing behind', () => {
  it.each([
    ['shape', 'x: a shape must be a list of whole sizes from 0 such as [2,3], got [2, -3]', () => make(2, -3)],
    ['shape', 'x: a shape must be a list of whole sizes from 0 such as [2,3], got [1.5]', () => make(1.5)],
    ['shape', 'x: a shape must be a list of whole sizes from 0 such as [2,3], got [NaN]', () => make(NaN)],
    [
      'shape',
      'x: a shape must be a list of whole sizes from 0 such as [2,3], got [33554432, 1073741824]',
      () => make(2 ** 25, 2 ** 30),
    ],
    [
      'shape',
      'x: a shape must be a list of whole sizes from 0 such as [2,3], got 3',
      () => empty(device, 3 as never, 'x'),
    ],
    [
      'config',
      'x: device must be a device, such as openDevice gives, got undefined',
      () => zeros(undefined as never, [1], 'x'),
    ],
    ['config', `fromArray: values must be one of ${kinds}, got [1, 2]`, () => from([1, 2], [2])],
    [
      'config',
      `fromArray: values must be one of ${kinds}, got a Float64Array of 2`,
      () => from(new Float64Array(2), [2]),
    ],
    ['config', `fromArray: values must be one of ${kinds}, got an Int8Array of 2`, () => from(new Int8Array(2), [2])],
    ['shape', 'x: 2 values for [3]', () => from(new Float32Array(2), [3])],
    [
      'config',
      'x: values of a tensor of f32 must be a Float32Array, got an Int32Array of 2',
      () => fromArray(device, new Int32Array(2), [2], 'x', 'f32'),
    ],
    [
      'config',
      'write: values of a tensor of f32 must be a Float32Array, got an Int32Array of 2',
      () => make(2).write(new Int32Array(2)),
    ],
    ['shape', 'rowsOf: rows 0.5 to 1 of [2,3]', () => rowsOf(make(2, 3), 0.5, 1)],
    [
      'shape',
      'reshape: a shape must be a list of whole sizes from 0 such as [2,3], got [-2, -3]',
      () => reshaped(make(2, 3), [-2, -3]),
    ],
    ['config', 'Random: the seed must be a whole number, got undefined', () => new Random(undefined as never)],
    ['config', 'Random: the seed must be a whole number, got 1.5', () => new Random(1.5)],
    ['config', 'Random.of: seed and labels must be whole numbers, got "1"', () => Random.of(1, '1' as never)],
    ['config', 'Random: below needs a whole number above 0, got 0', () => new Random(1).below(0)],
  ] as const)('%s: %s', (code, message, act) => {
    const before = device.memory.liveBytes
    expect(() => device.memory.scoped((): unknown => act())).toThrow(new MedAwareError(code, message))
    expect(device.memory.liveBytes).toBe(before)
  })

  it('of valueAndGrad', () => {
    const weight = make(1)
    weight.requiresGrad = true
    const model = { trainableParameters: () => [weight] }
    const refusal = (message: string) => new MedAwareError('config', message)
    expect(() => valueAndGrad({} as never, () => weight)).toThrow(
      refusal('valueAndGrad: model must be a module, such as a model, got {}'),
    )
    expect(() => valueAndGrad(model, 3 as never)).toThrow(refusal('valueAndGrad: lossOf must be a function, got 3'))
    expect(() => valueAndGrad(model, () => 3 as never)(null)).toThrow(
      refusal('valueAndGrad: lossOf must return a tensor, got 3'),
    )
    expect(() => valueAndGrad(model, (async () => weight) as never)(null)).toThrow(
      refusal('valueAndGrad: its work must be done when it returns, this gave a promise; await outside of it'),
    )
    expect([...valueAndGrad(model, () => add(weight, weight))(null).grads.keys()]).toEqual([weight])
  })
})

describe('reading into an array', () => {
  it('gives that array, with the values of f32 and of 16 bits', async () => {
    const [whole, into] = [new Float32Array(5).fill(7), new Float32Array(3)]
    expect(await from(Float32Array.of(1, 2, 3), [3]).read(into)).toBe(into)
    expect([...into]).toEqual([1, 2, 3])
    // A part of an array, which leaves the rest of it.
    await from(Float32Array.of(4, 5, 6), [3]).read(whole.subarray(1, 4))
    expect([...whole]).toEqual([7, 4, 5, 6, 7])
    const half = fromArray(device, Uint16Array.of(0x3c00, 0xc000, 0x3800), [3], 'half', 'f16')
    expect(await half.read(into)).toBe(into)
    expect([...into]).toEqual([1, -2, 0.5])
  })

  it('refuses one of another length or kind', async () => {
    const x = from(Float32Array.of(1, 2, 3), [3])
    for (const into of [new Float32Array(2), new Float64Array(3), null]) {
      await expect(x.read(into as never)).rejects.toThrow(expect.objectContaining({ code: 'shape' }))
    }
  })
})
