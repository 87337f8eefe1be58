import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import type { Device } from '../../../src/device/device.ts'
import { Linear } from '../../../src/nn/linear.ts'
import { Module, type Weight } from '../../../src/nn/module.ts'
import { sum } from '../../../src/ops/array/sum.ts'
import { mul } from '../../../src/ops/mul.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { AdaptedLinear } from '../../../src/peft/layers/adapted-linear.ts'
import type { TensorReader } from '../../../src/safetensors/reader.ts'
import { fromArray, type Tensor } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
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

/** Numbers of one size, so that tests of draws read them in no time. */
export function plainLinear(device: Device, out: number, into: number): OneLinear {
  const weight = fromArray(device, new Float32Array(out * into).fill(0.25), [out, into])
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
const readF32 = (name: string) => file.readF32(name)

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

/** Tests that hold the cases whose names begin so against PEFT, on each engine. */
export function describeGolden(prefix: string, engines: Awaited<ReturnType<typeof testEngines>>): void {
  const names = Object.keys(golden.configs).filter((name) => name.startsWith(prefix))
  describe.each(engines)(`${prefix} beside PEFT on $description`, (device) => {
    afterAll(() => device.dispose())

    it.each(names)('%s: files, outputs, gradients and merged weights', async (name) => {
      const tensor = async (key: string) =>
        fromArray(device, await readF32(`${name}.${key}`), file.info(`${name}.${key}`).shape)
      const model = new OneLinear(await tensor('weight'), await tensor('bias'))
      const adapter = await loadAdapter(model, golden.configs[name] ?? '', adapterIn(name), { trainable: true })
      model.train()
      const files = await adapterFiles(adapter)
      expect(new TextDecoder().decode(files.get('adapter_config.json'))).toBe(golden.configs[name])
      const [x, dOut] = [await tensor('x'), await tensor('d_out')]
      x.requiresGrad = true
      const trained = { trainableParameters: () => [...model.trainableParameters(), x] }
      const { grads } = valueAndGrad(trained, () => sum(mul(model.forward(x), dOut)))(null)
      expectClose(await model.forward(x).read(), await readF32(`${name}.out`), 'out')
      expectClose((await grads.get(x)?.read()) ?? [], await readF32(`${name}.d_x`), 'd_x')
      expectClose(await model.adapted.mergedWeight('weight').read(), await readF32(`${name}.merged`), 'merged')
      for (const [key, parameter] of adapter.namedTrainableParameters()) {
        expectClose((await grads.get(parameter)?.read()) ?? [], await readF32(`${name}.grad.${key}`), key)
        const after = file.has(`${name}.after.${key}`) ? 'after' : 'file'
        expectClose(await parameter.read(), await readF32(`${name}.${after}.${key}`), `${key} ${after}`)
      }
      adapter.detach()
      model.dispose()
    })
  })
}
