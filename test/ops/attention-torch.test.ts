import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { attention } from '../../src/ops/attention.ts'
import { Visibility } from '../../src/ops/visibility.ts'
import { visibleKeys } from '../../src/ops/visible-keys.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { weightedSum } from './gradient-check.ts'

const golden = await openFixture('attention-models.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

const integers = async (name: string) => (await golden.read(name)) as Int32Array
const [rows, tokens] = [2, 19]
const causal = Visibility.causal(rows, tokens)

/** Positions that begin anew with each document. */
async function positions(): Promise<Int32Array> {
  const documents = await integers('op.packed.documents')
  let at = 0
  return documents.map((document, i) => (at = i % tokens > 0 && document === documents[i - 1] ? at + 1 : 0))
}

const cases = {
  window: () => Promise.resolve(causal.within(6)),
  packed: async () => causal.packed(await positions()),
  masked: async () => causal.masked(Uint8Array.from(await integers('op.masked.mask'))),
}

describe.each(devices)('attention as torch computes it behind an explicit mask, on $description', (device) => {
  it.each(['window', 'packed', 'masked'] as const)('%s', async (name) => {
    const scope = device.memory.open()
    const read = (part: string) => golden.readF32(`op.${name}.${part}`)
    const visible = visibleKeys(device, await cases[name]())
    const qkv = fromArray(device, await read('qkv'), [rows, tokens, 64], 'qkv')
    qkv.requiresGrad = true
    const dOut = await read('d_out')
    let out: Promise<Float32Array> | undefined
    const { grads } = valueAndGrad({ trainableParameters: () => [qkv] }, () => {
      const y = attention(qkv, { heads: 4, kvHeads: 2, dim: 8, scale: 0.3 }, { visible })
      out = y.read()
      return weightedSum(y, dOut)
    })(null)
    const worst = (got: Float32Array | undefined, wanted: Float32Array) =>
      wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (got?.[i] ?? NaN))), 0) /
      Math.max(...wanted.map(Math.abs))
    expect(worst(await out, await read('out'))).toBeLessThan(1e-5)
    expect(worst(await grads.get(qkv)?.read(), await read('d_qkv'))).toBeLessThan(2e-5)
    scope.close()
  })
})
