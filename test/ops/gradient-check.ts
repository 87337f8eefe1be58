import { expect } from 'vitest'
import { tidy, record } from '../../src/autograd/record.ts'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { Shape } from '../../src/core/shape.ts'
import type { Device } from '../../src/device/device.ts'
import { add } from '../../src/ops/add.ts'
import { matmul } from '../../src/ops/matmul.ts'
import { empty, fromArray, reshaped, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'

seedDraws('gradient-check')

/** One call of an op, and the same in doubles. */
export interface OpCase {
  /** Name of the exported function. */
  readonly op: string
  readonly title: string
  /** What a gradient is checked for. */
  readonly inputs: Readonly<Record<string, { readonly shape: Shape; readonly values: Float32Array }>>
  readonly apply: (inputs: Readonly<Record<string, Tensor>>, device: Device) => Tensor
  /** The op's output, row by row, in doubles. */
  readonly reference: (inputs: Readonly<Record<string, Float64Array>>) => Float64Array
  /** Largest error as a share of the largest entry. Default 2e-5. */
  readonly tolerance?: number
}

/** What a case must give: outputs, and the gradients of Σ weights · output by central differences of the reference. */
export interface Expected {
  readonly out: Float64Array
  readonly weights: Float32Array
  readonly gradients: Readonly<Record<string, Float64Array>>
}

const step = 1e-5

/** Differentiates a case's reference by numbers. */
export function expectedOf({ inputs, reference }: OpCase): Expected {
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { values }]) => [name, Float64Array.from(values)]),
  )
  const out = reference(values)
  const weights = normals(out.length)
  const scalar = () => {
    const now = reference(values)
    return sumOf(now.length, (i) => at(now, i) * at(weights, i))
  }
  const gradients = Object.entries(values).map(([name, input]) => {
    const gradient = doubles(input.length, (i) => {
      const before = at(input, i)
      input[i] = before + step
      const above = scalar()
      input[i] = before - step
      const below = scalar()
      input[i] = before
      return (above - below) / (2 * step)
    })
    return [name, gradient] as const
  })
  return { out, weights, gradients: Object.fromEntries(gradients) }
}

/** Σ weights · x as a scalar with a history. */
export function weightedSum(x: Tensor, weights: Float32Array): Tensor {
  const { device, count } = x
  const w = fromArray(device, weights, [1, count], 'weights of a sum')
  const out = reshaped(matmul(reshaped(x, [1, count]), w, { transB: true }), [1])
  return record(
    out,
    [x],
    (dOut) => {
      const dX = empty(device, x.shape, 'weights of a sum, scaled')
      device.run('scale', { x: w, factor: dOut, out: dX }, { count, hasFactor: 1, alpha: 1 })
      return [dX]
    },
    { saved: [w] },
  )
}

/**
 * Holds the op's output and its gradients, all together and each input alone, against the numbers; no byte may stay.
 */
export async function checkGradients(device: Device, one: OpCase, expected: Expected): Promise<void> {
  const { memory } = device
  const names = Object.keys(one.inputs)
  warmUp(device, one)
  for (const wanted of [names, ...(names.length > 1 ? names.map((name) => [name]) : [])]) {
    const scope = memory.open()
    const tensors = tensorsOf(device, one)
    const trained = wanted.map((name) => tensors[name] as Tensor)
    for (const tensor of trained) tensor.requiresGrad = true
    let out: Promise<Float32Array> = Promise.resolve(new Float32Array())
    const before = memory.liveBytes
    const { loss, grads } = valueAndGrad({ trainableParameters: () => trained }, () => {
      // Values from within a block, so that a rule that reads one it did not name finds it freed.
      const nothing = (x: Tensor): Tensor => zeros(device, x.shape, 'nothing')
      const y = tidy(device, () => {
        const inside = names.map((name) => [name, add(tensors[name] as Tensor, nothing(tensors[name] as Tensor))])
        const made = one.apply(Object.fromEntries(inside) as Record<string, Tensor>, device)
        return add(made, nothing(made))
      })
      out = y.read()
      return weightedSum(y, expected.weights)
    })(null)
    const left = [loss, ...grads.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(memory.liveBytes - before, 'bytes left').toBe(left)
    expectClose(await out, expected.out, one.tolerance, `${device.description}: out`)
    expect([...grads.keys()]).toEqual(expect.arrayContaining(trained))
    expect(grads.size).toBe(trained.length)
    for (const name of wanted) {
      const given = (await grads.get(tensors[name] as Tensor)?.read()) ?? []
      expectClose(given, expected.gradients[name] ?? [], one.tolerance, `${device.description}: gradient of ${name}`)
    }
    scope.close()
  }
}

/** What a device makes once, such as decoding tables, is made before bytes are counted. */
function warmUp(device: Device, one: OpCase): void {
  device.memory.scoped(() => one.apply(tensorsOf(device, one), device))
}

function tensorsOf(device: Device, { inputs }: OpCase): Record<string, Tensor> {
  const made = Object.entries(inputs).map(([name, { shape, values }]) => [name, fromArray(device, values, shape, name)])
  return Object.fromEntries(made) as Record<string, Tensor>
}

/** Compares numbers by the largest of those expected. */
export function expectClose(
  given: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 2e-5,
  what = 'out',
): void {
  expect(given.length, what).toBe(expected.length)
  let [largest, worst, place] = [0, 0, 0]
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(at(expected, i)))
    const error = Math.abs(at(given, i) - at(expected, i))
    // Negated, so that NaN counts.
    if (!(error <= worst)) [worst, place] = [error, i]
  }
  expect(worst <= tolerance * largest, `${what}[${place}] is ${given[place]}, not ${expected[place]}`).toBe(true)
}
