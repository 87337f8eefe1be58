import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  dequantizeAbsmax,
  dequantizeFourBit,
  dynamicMap,
  quantizeAbsmax,
  quantizeFourBit,
} from '../../src/quant/index.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const golden = await openFixture('quantised.safetensors')
const types = ['nf4', 'fp4'] as const
const inputs = ['normal', 'tail', 'wide_range', 'midpoints']

describe('dynamicMap', () => {
  it.each([
    [true, 'e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c'],
    [false, '305f002cc11278fb769d13b25b9fd0c7c83c8402c40a878fe086f4039fde6398'],
  ])('signed %s is the map of bitsandbytes to the bit', (signed, sha256) => {
    const bytes = new Uint8Array(dynamicMap(signed).buffer)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
  })
})

describe('double quantisation against bitsandbytes', () => {
  it.each(inputs.flatMap((input) => types.map((type) => [input, type] as const)))('%s in %s', async (input, type) => {
    const key = `${input}.${type}-dq`
    const values = await golden.readF32(`${input}.input`)
    const { codes, absmax } = quantizeFourBit(values, { type })
    const nested = quantizeAbsmax(absmax)
    const [offset = NaN] = await golden.readF32(`${key}.offset`)
    const [nestedAbsmax = NaN] = await golden.readF32(`${key}.nested_absmax`)
    const stored = (await golden.read(`${key}.absmax`)) as Uint8Array
    expect(Math.abs(nested.offset / offset - 1)).toBeLessThan(2e-7)
    expect(nested.nestedAbsmax).toHaveLength(1)
    expect(Math.abs((nested.nestedAbsmax[0] ?? NaN) - nestedAbsmax)).toBeLessThanOrEqual(2e-7 * offset)
    expect(nested.codes).toHaveLength(stored.length)
    stored.forEach((code, i) => expect(Math.abs((nested.codes[i] ?? NaN) - code)).toBeLessThanOrEqual(1))

    if (!golden.has(`${key}.dequantised`)) return
    const scales = dequantizeAbsmax({ codes: stored, nestedAbsmax: Float32Array.of(nestedAbsmax), offset })
    const restored = dequantizeFourBit({ codes, absmax: scales, count: values.length, type })
    expect(restored).toEqual(await golden.readF32(`${key}.dequantised`))
  })

  it('keeps the scales of a normal weight within 1.2 % across nested blocks', () => {
    const absmax = Float32Array.from({ length: 1000 }, (_, i) => 2 + Math.sin(i * 7.3) * 0.9)
    const nested = quantizeAbsmax(absmax)
    expect(nested.nestedAbsmax).toHaveLength(4)
    dequantizeAbsmax(nested).forEach((scale, i) => expect(Math.abs(scale / (absmax[i] ?? 0) - 1)).toBeLessThan(0.012))
  })

  it('gives a tie to the lower value', () => {
    const map = dynamicMap(true)
    const middle = Math.fround((map[254] ?? 0) + 1) / 2
    expect([...quantizeAbsmax(Float32Array.of(1, -1, middle, -middle)).codes]).toEqual([255, 0, 254, 0])
  })

  it('takes no scales, equal scales and says what does not fit', () => {
    expect(quantizeAbsmax(new Float32Array(0))).toEqual({
      codes: new Uint8Array(0),
      nestedAbsmax: new Float32Array(0),
      offset: 0,
    })
    expect(dequantizeAbsmax(quantizeAbsmax(new Float32Array(300).fill(0.25)))).toEqual(new Float32Array(300).fill(0.25))
    expect(() => quantizeAbsmax(Float32Array.of(1, Infinity))).toThrow('quantizeAbsmax: values must be finite')
    const nested = { codes: new Uint8Array(257), nestedAbsmax: new Float32Array(1), offset: 0 }
    expect(() => dequantizeAbsmax(nested)).toThrow('dequantizeAbsmax: 257 codes need 2 nested scales, got 1')
  })
})
