import { describe, expect, it } from 'vitest'
import { dequantizeInt8, quantizeInt8 } from '../../src/quant/index.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const golden = await openFixture('quantised.safetensors')
const made = await openFixture('stored/int8.safetensors')

describe('int8 rows', () => {
  it('are those of bitsandbytes', async () => {
    const { codes, scale } = quantizeInt8(await golden.readF32('int8.input'), 24, 64)
    expect(codes).toEqual(await golden.read('int8.CB'))
    expect(scale).toEqual(await golden.readF32('int8.SCB'))
  })

  it.each(['f16', 'f32', 'ties'])('of %s are those of bitsandbytes, to the last code', async (name) => {
    const [rows = 0, cols = 0] = made.info(`${name}.input`).shape
    const { codes, scale } = quantizeInt8(await made.readF32(`${name}.input`), rows, cols)
    expect(codes).toEqual(await made.read(`${name}.CB`))
    expect(scale).toEqual(await made.readF32(`${name}.SCB`))
  })

  it('divide 127 by a scale in two roundings, as torch does', () => {
    expect(quantizeInt8(Float32Array.of(2.275390625, -1.1376953125), 1, 2).codes).toEqual(Int8Array.of(127, -64))
  })

  it('round half to even and restore to within half a step', () => {
    const { codes, scale } = quantizeInt8(Float32Array.of(127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -127), 1, 8)
    expect([...codes]).toEqual([127, 0, 2, 2, 0, -2, -2, -127])
    const restored = dequantizeInt8({ codes, scale })
    expect(restored[0]).toBeCloseTo(127, 5)
    expect(restored[5]).toBeCloseTo(-2, 5)
  })

  it('keep a row of zeros, and take no rows', () => {
    const rows = quantizeInt8(Float32Array.of(0, 0, 3, -6), 2, 2)
    expect(rows).toEqual({ codes: Int8Array.of(0, 0, 64, -127), scale: Float32Array.of(0, 6) })
    expect([...dequantizeInt8(rows).subarray(0, 2)]).toEqual([0, 0])
    expect(dequantizeInt8(quantizeInt8(new Float32Array(0), 0, 0))).toHaveLength(0)
  })

  it('say what does not fit', () => {
    expect(() => quantizeInt8(new Float32Array(5), 2, 3)).toThrow('quantizeInt8: 5 values do not fill 2 rows of 3')
    expect(() => quantizeInt8(Float32Array.of(1, 1, 1, 70000), 2, 2)).toThrow(
      'quantizeInt8 (row 1, as float16): values must be finite, found Infinity at index 1',
    )
    const ragged = { codes: new Int8Array(5), scale: new Float32Array(2) }
    expect(() => dequantizeInt8(ragged)).toThrow('dequantizeInt8: 5 values do not fill 2 rows of 2.5')
  })
})
