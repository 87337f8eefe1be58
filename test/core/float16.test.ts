import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, findNonFinite } from '../../src/core/float16.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const everyBits = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits)

describe('float16', () => {
  it.each([
    [1, 0x3c00],
    [0.10000000149011612, 0x2e66],
    [-2.7182817459106445, 0xc170],
    [65504, 0x7bff],
    [65519.98828125, 0x7bff],
    [65520, 0x7c00],
    [10000000000, 0x7c00],
    [6.103515625e-5, 0x0400],
    [6.097555160522461e-5, 0x03ff],
    [5.960464477539063e-8, 0x0001],
    [2.9802322387695312e-8, 0x0000],
    [2.980232594040899e-8, 0x0001],
    [8.940696716308594e-8, 0x0002],
    [1.00048828125, 0x3c00],
    [1.00146484375, 0x3c02],
    [-0, 0x8000],
    [1.401298464324817e-45, 0x0000],
    [Infinity, 0x7c00],
    [-Infinity, 0xfc00],
  ])('rounds %d as numpy does', (value, bits) => {
    expect(f32ToF16(Float32Array.of(value))[0]).toBe(bits)
  })

  it('widens and narrows every number unchanged, and keeps NaN', () => {
    const values = f16ToF32(everyBits)
    f32ToF16(values).forEach((bits, i) => {
      if (Number.isNaN(values[i])) expect(bits & 0x7c00 && bits & 0x3ff).toBeTruthy()
      else expect(bits).toBe(i)
    })
    expect([values[0x3555], values[0x0001], values[0x8000]]).toEqual([0.333251953125, 2 ** -24, -0])
  })

  it('takes the nearest of the two neighbours', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const [bits = 0] = f32ToF16(Float32Array.of(value))
        const [below = 0, chosen = 0, above = 0] = f16ToF32(
          Uint16Array.of(Math.max(bits - 1, bits & 0x8000), bits, bits + 1),
        )
        const error = Math.abs(chosen - value)
        expect(error).toBeLessThanOrEqual(Math.abs(below - value))
        if (Number.isFinite(above)) expect(error).toBeLessThanOrEqual(Math.abs(above - value))
      }),
    )
  })
})

describe('bfloat16', () => {
  it('rounds as torch does, ties to even', async () => {
    const fixture = await openFixture('bf16.safetensors')
    expect(f32ToBf16(await fixture.readF32('input'))).toEqual(await fixture.read('rounded'))
  })

  it.each([
    [1, 0x3f80],
    [1.00390625, 0x3f80],
    [1.01171875, 0x3f82],
    [-1.00390636920929, 0xbf81],
    [3.3895313892515355e38, 0x7f7f],
    [3.4028234663852886e38, 0x7f80],
    [-0, 0x8000],
    [Infinity, 0x7f80],
  ])('rounds %d to nearest even', (value, bits) => {
    expect(f32ToBf16(Float32Array.of(value))[0]).toBe(bits)
  })

  it('widens and narrows every number unchanged, and keeps NaN', () => {
    const values = bf16ToF32(everyBits)
    f32ToBf16(values).forEach((bits, i) => {
      expect(bits).toBe(Number.isNaN(values[i]) ? i | 0x40 : i)
    })
  })
})

describe('findNonFinite', () => {
  const formats = [
    ['f32', Uint32Array, 0x7f800000, 0x80000000],
    ['bf16', Uint16Array, 0x7f80, 0x8000],
    ['f16', Uint16Array, 0x7c00, 0x8000],
  ] as const

  it.each(formats)('finds the first NaN or infinity of %s, at any place and alignment', (_, Bits, exponent, sign) => {
    const lowest = exponent & -exponent
    for (const [offset, length] of [
      [0, 8],
      [0, 7],
      [Bits.BYTES_PER_ELEMENT, 7],
    ] as const) {
      const bits = new Bits(new ArrayBuffer(64), offset, length)
      // The largest finite number of either sign.
      bits.fill(exponent - 1).fill(sign | (exponent - 1), 2, 5)
      expect(findNonFinite(bits, exponent)).toBe(-1)
      for (let at = length - 1; at >= 0; at--) {
        for (const value of [exponent, exponent | 1, sign | exponent, sign | exponent | (lowest - 1)]) {
          bits[at] = value
          expect(findNonFinite(bits, exponent)).toBe(at)
        }
      }
    }
  })
})
