import { describe, expect, it } from 'vitest'
import { encodeGguf } from '../../src/gguf/encode.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const own = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

describe('numbers as the data of a GGUF tensor', () => {
  it('Q8_0 has the bytes of the gguf package', async () => {
    const fixture = await openFixture('gguf-exports/q8_0.safetensors')
    const values = await fixture.readF32('values')
    expect(own(encodeGguf('test', 't', values, 'Q8_0'))).toEqual(await fixture.readBytes('blocks'))
  })

  it('F32 is itself; F16 and BF16 round to nearest even', () => {
    const values = Float32Array.of(1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -0)
    expect(encodeGguf('test', 't', values, 'F32')).toBe(values)
    expect([...own(encodeGguf('test', 't', values, 'F16'))]).toEqual([0, 0x3c, 0, 0x3c, 2, 0x3c, 0, 0x80])
    expect([...own(encodeGguf('test', 't', values, 'BF16'))]).toEqual([0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f, 0, 0x80])
  })

  it.each([
    ['F16', 7e4, '70000'],
    ['BF16', Infinity, 'Infinity'],
    ['Q8_0', NaN, 'NaN'],
    ['Q8_0', -1e7, '-10000000'],
  ] as const)('%s has no number for %s', (type, value, shown) => {
    const values = new Float32Array(64)
    values[40] = value
    values[41] = 3
    expect(() => encodeGguf('test', 't', values, type)).toThrow(
      `test: t has ${shown}, for which ${type} has no number; write it as F32`,
    )
  })

  it('Q8_0 has zeros for blocks whose scale cannot be inverted', () => {
    expect([...own(encodeGguf('test', 't', new Float32Array(32).fill(1e-39), 'Q8_0'))]).toEqual(Array(34).fill(0))
  })
})
