import { expect } from 'vitest'
import { f16ToF32, f32ToF16 } from '../../../../src/core/float16.ts'
import type { Device } from '../../../../src/device/device.ts'
import { quantizeMatrix } from '../../../../src/formats/quantize-matrix.ts'
import { decodeQ8 } from '../../../../src/gguf/blocks-of-32.ts'
import { encodeGguf } from '../../../../src/gguf/encode.ts'
import { modelGguf } from '../../../../src/io/gguf/model-gguf.ts'
import type { PretrainedLm } from '../../../../src/models/causal-lm.ts'
import { dequantize } from '../../../../src/ops/dequantize.ts'
import type { Adapter } from '../../../../src/peft/adapter.ts'
import { mergeAdapter, mergeAndUnload, unmergeAdapter } from '../../../../src/peft/merge/merge-adapter.ts'
import { isFull } from '../../../../src/tensor/matrix.ts'
import { fromArray } from '../../../../src/tensor/tensor.ts'
import { logitsOf } from '../../../golden/model-checks.ts'
import { attach, greedy, load, projections, r, shareOff, typesOf, whole } from './llama.ts'

type Values = ReadonlyMap<string, Float32Array>

async function valuesOf(model: PretrainedLm): Promise<Values> {
  const values = new Map<string, Float32Array>()
  const scope = model.device.memory.open()
  for (const [name, weight] of projections(model)) values.set(name, await dequantize(weight).read())
  scope.close()
  return values
}

/** base + 2 B A in double precision: lora_alpha is 8 where it is not given, as in PEFT. */
async function mergedOf(adapter: Adapter, base: Values): Promise<ReadonlyMap<string, Float64Array>> {
  const merged = new Map<string, Float64Array>()
  const parameters = adapter.namedTrainableParameters()
  for (const [name, values] of base) {
    const factor = async (which: 'A' | 'B') => {
      const key = `base_model.model.${name.replace(/weight$/, `lora_${which}.weight`)}`
      return (await parameters.get(key)?.read()) ?? new Float32Array()
    }
    const [a, b] = [await factor('A'), await factor('B')]
    const columns = a.length / r
    const sums = Float64Array.from(values, (value, e) => {
      const [row, column] = [Math.floor(e / columns), e % columns]
      let sum = 0
      for (let i = 0; i < r; i++) sum += (b[row * r + i] ?? NaN) * (a[i * columns + column] ?? NaN)
      return value + (8 / r) * sum
    })
    merged.set(name, sums)
  }
  return merged
}

/** Bit by bit; what vitest has takes seconds for as many. */
function expectSame(values: Values, wanted: Values): void {
  expect([...values.keys()]).toEqual([...wanted.keys()])
  for (const [name, each] of values)
    expect(bytesOf(each).equals(bytesOf(wanted.get(name) ?? new Float32Array())), name).toBe(true)
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

const mapped = (values: Values, change: (values: Float32Array) => Float32Array): Values => {
  return new Map([...values].map(([name, each]) => [name, change(each)]))
}

const rounders = {
  f16: (values: Float32Array) => f16ToF32(f32ToF16(values)),
  q8_0: (values: Float32Array) => {
    const { buffer, byteOffset, byteLength } = encodeGguf('rounded', 'w', values, 'Q8_0')
    const numbers = new Float32Array(values.length)
    decodeQ8(new Uint8Array(buffer, byteOffset, byteLength), numbers)
    return numbers
  },
} as const

/**
 * Merges an adapter into a base in blocks by each way there is: as GGUF in f32, f16 and Q8_0, into blocks of the base's
 * types beside it, and into f32 in its place. All are held against base + 2 B A of the numbers that the blocks stand
 * for, and the model in f32 against what it said before, in logits and in greedy tokens.
 */
export async function checkMerging(device: Device, file: Uint8Array): Promise<void> {
  const numbers = await load(device, file, 'numbers')
  const base = await valuesOf(numbers)
  numbers.dispose()
  const model = await load(device, file, 'blocks')
  const types = typesOf(model)
  const adapter = attach(model)
  const wanted = await mergedOf(adapter, base)
  const logits = await logitsOf(model, whole)
  const ids = await greedy(model)
  const expectAsBefore = async (merged: PretrainedLm) => {
    expect(shareOff(await logitsOf(merged, whole), logits)).toBeLessThan(1e-5)
    expect(await greedy(merged)).toEqual(ids)
  }
  const written = async (type: 'f32' | 'f16' | 'q8_0') => {
    return load(device, await modelGguf(model, { merge: true, type, copyFrom: null }), 'numbers')
  }

  const inF32 = await written('f32')
  const exact = await valuesOf(inF32)
  expect([...exact.keys()]).toEqual([...wanted.keys()])
  for (const [name, values] of exact) expect(shareOff(values, wanted.get(name) ?? []), name).toBeLessThan(2 ** -22)
  await expectAsBefore(inF32)
  inF32.dispose()
  for (const type of ['f16', 'q8_0'] as const) {
    const again = await written(type)
    expectSame(await valuesOf(again), mapped(exact, rounders[type]))
    again.dispose()
  }

  await expect(mergeAdapter(model, { dtype: 'base' })).rejects.toThrow(/rounding it to q\d_[01k] again would lose most/)
  const { losses } = await mergeAdapter(model, { dtype: 'base', force: true })
  expect(losses.length).toBe(7)
  const scope = device.memory.open()
  const [own, again] = [new Map<string, Float32Array>(), new Map<string, Float32Array>()]
  for (const [i, [name, { shape }]] of projections(model).entries()) {
    const weight = adapter.layers.get(name.replace(/\.weight$/, ''))?.standIn?.weights['weight']
    const type = types[i]
    if (!weight || isFull(weight) || type === null || type === undefined) throw new Error(`${name} is not in blocks`)
    expect(weight.shape).toEqual(shape)
    own.set(name, await dequantize(weight).read())
    const full = fromArray(device, exact.get(name) ?? new Float32Array(), shape, name)
    again.set(name, await dequantize(quantizeMatrix(full, { type })).read())
  }
  scope.close()
  expectSame(own, again)
  unmergeAdapter(model)
  expect(typesOf(model)).toEqual(types)
  expect(await logitsOf(model, whole)).toEqual(logits)

  const { layers, loss } = await mergeAndUnload(model)
  expect([layers.length, loss]).toEqual([7, null])
  expectSame(await valuesOf(model), exact)
  await expectAsBefore(model)
  model.dispose()
}
