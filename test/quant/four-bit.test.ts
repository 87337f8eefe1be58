import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { Random } from '../../src/core/random.ts'
import { dequantizeFourBit, fourBitCode, fourBitDecision, quantizeFourBit } from '../../src/quant/index.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const golden = await openFixture('quantised.safetensors')
const types = ['nf4', 'fp4'] as const
const inputs = ['normal', 'tail', 'wide_range', 'midpoints']

describe('against bitsandbytes', () => {
  it.each(inputs.flatMap((input) => types.map((type) => [input, type] as const)))('%s in %s', async (input, type) => {
    const values = await golden.readF32(`${input}.input`)
    const { codes, absmax } = quantizeFourBit(values, { type })
    expect(codes).toEqual(await golden.read(`${input}.${type}.packed`))
    expect(absmax).toEqual(await golden.readF32(`${input}.${type}.absmax`))
    if (!golden.has(`${input}.${type}.dequantised`)) return
    const restored = dequantizeFourBit({ codes, absmax, count: values.length, type })
    expect(restored).toEqual(await golden.readF32(`${input}.${type}.dequantised`))
  })

  it('has the NF4 table to the bit', async () => {
    const stored = await openFixture('bnb-4bit-linear.safetensors')
    expect(fourBitCode('nf4')).toEqual(await stored.readF32('transformer.h.0.self_attention.dense.weight.quant_map'))
  })

  it('decides NF4 at the thresholds of kernels.cu', () => {
    const { thresholds, codes } = fourBitDecision('nf4')
    const published = [
      ...[-0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544, -0.23460740596055984],
      ...[-0.13791173323988914, -0.045525018125772476, 0.03979014977812767, 0.1202552504837513, 0.2035212516784668],
      ...[0.2920137718319893, 0.3893125355243683, 0.5016634166240692, 0.6427869200706482, 0.8614784181118011],
    ]
    expect(thresholds).toEqual(Float32Array.from(published))
    expect([...codes]).toEqual([...Array(16).keys()])
  })

  it('sorts FP4 by value, its second zero above the first', () => {
    expect([...fourBitDecision('fp4').codes]).toEqual([11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3])
  })
})

describe('mean absolute error on a million normals, as published in bitsandbytes tests/test_functional.py', () => {
  const random = new Random(1)
  const values = Float32Array.from({ length: 1 << 20 }, () => random.normal())
  it.each([
    ['nf4', 32, 0.067746],
    ['nf4', 64, 0.072798],
    ['nf4', 128, 0.076831],
    ['nf4', 256, 0.080337],
    ['nf4', 512, 0.083547],
    ['nf4', 1024, 0.08661],
    ['nf4', 2048, 0.089592],
    ['nf4', 4096, 0.092547],
    ['fp4', 64, 0.096543],
  ] as const)('%s in blocks of %i', (type, blockSize, published) => {
    const blocks = quantizeFourBit(values, { type, blockSize })
    const restored = dequantizeFourBit({ ...blocks, count: values.length, type, blockSize })
    const error = restored.reduce((sum, value, i) => sum + Math.abs(value - (values[i] ?? 0)), 0) / values.length
    expect(Math.abs(error - published)).toBeLessThan(7 * 0.00012)
  })
})

describe('edges', () => {
  it('packs the first element high and pads an odd count with a zero', () => {
    const { codes, absmax } = quantizeFourBit(Float32Array.of(-2, 2, 2), { type: 'nf4' })
    expect([...codes]).toEqual([0x0f, 0xf7])
    expect([...absmax]).toEqual([2])
  })

  it.each([
    ['nf4', 0x77],
    ['fp4', 0x00],
  ] as const)('keeps zeros exactly zero in %s', (type, byte) => {
    const { codes, absmax } = quantizeFourBit(new Float32Array(64), { type })
    expect(new Set(codes)).toEqual(new Set([byte]))
    expect([...absmax]).toEqual([0])
    expect(dequantizeFourBit({ codes, absmax, count: 64, type })).toEqual(new Float32Array(64))
  })

  it('takes an empty tensor', () => {
    const { codes, absmax } = quantizeFourBit(new Float32Array(0), { type: 'nf4' })
    expect(dequantizeFourBit({ codes, absmax, count: 0, type: 'nf4' })).toEqual(new Float32Array(0))
  })

  it('is stable: what was dequantised quantises to the same codes', () => {
    const numbers = fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(numbers, (integers) => {
        const values = Float32Array.from(integers, (integer) => integer / 1000)
        const once = quantizeFourBit(values, { type: 'nf4' })
        const restored = dequantizeFourBit({ ...once, count: values.length, type: 'nf4' })
        expect(quantizeFourBit(restored, { type: 'nf4' })).toEqual(once)
      }),
    )
  })

  it('says what does not fit', () => {
    const values = new Float32Array(128)
    expect(() => quantizeFourBit(values, { type: 'nf4', blockSize: 48 })).toThrow(
      'quantizeFourBit: blockSize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, got 48',
    )
    values[70] = NaN
    expect(() => quantizeFourBit(values, { type: 'nf4' })).toThrow(
      'quantizeFourBit: values must be finite, found NaN at index 70',
    )
    values[70] = -Infinity
    expect(() => quantizeFourBit(values, { type: 'fp4' })).toThrow(
      'quantizeFourBit: values must be finite, found -Infinity at index 70',
    )
    const blocks = { codes: new Uint8Array(64), absmax: new Float32Array(1) }
    expect(() => dequantizeFourBit({ ...blocks, count: 128, type: 'nf4' })).toThrow(
      'dequantizeFourBit: 128 values in blocks of 64 need 64 code bytes and 2 scales, got 64 and 1',
    )
  })
})
