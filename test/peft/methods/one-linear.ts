import { expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { Random } from '../../../src/core/random.ts'
import type { Device } from '../../../src/device/device.ts'
import { quantizeFourBit } from '../../../src/formats/four-bit/quantize-four-bit.ts'
import { quantizeInt8 } from '../../../src/formats/int8/quantize-int8.ts'
import { Linear } from '../../../src/nn/linear.ts'
import { Module, type Weight } from '../../../src/nn/module.ts'
import { sum } from '../../../src/ops/array/sum.ts'
import { mul } from '../../../src/ops/mul.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import type { AdaptedLinear } from '../../../src/peft/layers/adapted-linear.ts'
import type { TensorReader } from '../../../src/safetensors/reader.ts'
import { halfFromArray } from '../../../src/tensor/half.ts'
import { fromArray, type Tensor } from '../../../src/tensor/tensor.ts'
import { openFixture, readFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, maxMagnitude } from '../tiny-falcon.ts'

/** A model of one projection, as make_kron_golden.py has it. */
export class OneLinear extends Module<{ lin: Linear | AdaptedLinear }> {
  constructor(weight: Weight, bias: Tensor | null) {
    super({ lin: new Linear(weight, bias) }, {})
  }

  forward(x: Tensor): Tensor {
    return this.modules.lin.forward(x)
  }

  get adapted(): AdaptedLinear {
    const { lin } = this.modules
    if (lin instanceof Linear) throw new Error('no adapter')
    return lin
  }
}

/** A model whose weight says nothing, so that what an adapter adds is seen. */
export function plainLinear(device: Device, out: number, into: number): OneLinear {
  const weight = fromArray(device, new Float32Array(out * into), [out, into])
  return new OneLinear(weight, fromArray(device, new Float32Array(out), [out]))
}

/** What make_kron_golden.py says beside tensors. */
export interface KronGolden {
  readonly configs: Readonly<Record<string, string>>
  readonly factorization: readonly (readonly [number: number, factor: number, m: number, n: number])[]
  readonly divisors: readonly (readonly [inputs: number, wanted: number, taken: number])[]
}

export const golden = JSON.parse(new TextDecoder().decode(await readFixture('kron-methods.json'))) as KronGolden
const file = await openFixture('kron-methods.safetensors')

/** A case's adapter as a file of its own. */
function adapterIn(name: string): TensorReader {
  const before = `${name}.file.`
  const names = file.names.filter((key) => key.startsWith(before)).map((key) => key.slice(before.length))
  return {
    names,
    metadata: {},
    has: (key) => names.includes(key),
    info: (key) => file.info(before + key),
    readBytes: (key) => file.readBytes(before + key),
    readF32: (key) => file.readF32(before + key),
    read: (key, part) => file.read(before + key, part),
    close: () => Promise.resolve(),
  }
}

/** Numbers that differ by rounding alone. */
function expectClose(given: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  expect(maxDifference(given, wanted), what).toBeLessThanOrEqual(2e-5 * (maxMagnitude(wanted) || 1))
}

/** Tests that hold the cases whose names begin so against PEFT. */
export function goldenTests(prefix: string, device: Device): void {
  const names = Object.keys(golden.configs).filter((name) => name.startsWith(prefix))
  const tensor = async (name: string) => fromArray(device, await file.readF32(name), file.info(name).shape)

  it.each(names)('%s: files, outputs, gradients and merged weights are those of PEFT', async (name) => {
    const wanted = (key: string) => file.readF32(`${name}.${key}`)
    const model = new OneLinear(await tensor(`${name}.weight`), await tensor(`${name}.bias`))
    const adapter = await loadAdapter(model, golden.configs[name] ?? '', adapterIn(name), { trainable: true })
    model.train()
    const files = await adapterFiles(adapter)
    expect(new TextDecoder().decode(files.get('adapter_config.json'))).toBe(golden.configs[name])
    const [x, dOut] = [await tensor(`${name}.x`), await tensor(`${name}.d_out`)]
    x.requiresGrad = true
    const trained = { trainableParameters: () => [...model.trainableParameters(), x] }
    const { grads } = valueAndGrad(trained, () => sum(mul(model.forward(x), dOut)))(null)
    expectClose(await model.forward(x).read(), await wanted('out'), 'out')
    expectClose((await grads.get(x)?.read()) ?? [], await wanted('d_x'), 'd_x')
    expectClose(await model.adapted.mergedWeight('weight').read(), await wanted('merged'), 'merged')
    for (const [key, parameter] of adapter.namedTrainableParameters()) {
      expectClose((await grads.get(parameter)?.read()) ?? [], await wanted(`grad.${key}`), key)
      const after = file.has(`${name}.after.${key}`) ? 'after' : 'file'
      expectClose(await parameter.read(), await wanted(`${after}.${key}`), `${key} ${after}`)
    }
    adapter.detach()
    model.dispose()
  })
}

const normals = (count: number, seed: number) => {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.normal() / 8)
}

/** Tests that an adapter computes over a weight in any format as merged into f32. */
export function storedTests(config: { readonly peftType: string }, device: Device): void {
  const [out, into] = [96, 128]
  const values = normals(out * into, 1)
  const stored: Readonly<Record<string, () => Weight>> = {
    f32: () => fromArray(device, values, [out, into]),
    f16: () => halfFromArray(device, values, [out, into], 'weight', 'f16'),
    bf16: () => halfFromArray(device, values, [out, into], 'weight', 'bf16'),
    int8: () => quantizeInt8(fromArray(device, values, [out, into])),
    nf4: () => quantizeFourBit(fromArray(device, values, [out, into])),
  }

  it.each(Object.keys(stored))('computes over %s as merged', async (format) => {
    const weight = stored[format]?.()
    if (weight === undefined) throw new Error(format)
    const model = new OneLinear(weight, fromArray(device, normals(out, 2), [out]))
    const x = fromArray(device, normals(6 * into, 3), [2, 3, into])
    const before = await model.forward(x).read()
    const adapter = attachAdapter(model, { targetModules: ['lin'], initWeights: false, ...config })
    const adapted = await model.forward(x).read()
    const merged = model.adapted.merged()
    expect(maxDifference(adapted, before)).toBeGreaterThan(0.001)
    expectClose(adapted, await merged.forward(x).read(), 'merged')
    adapter.detach()
    expect(await model.forward(x).read()).toEqual(before)
  })
}
