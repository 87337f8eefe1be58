import { describe, expect, it } from 'vitest'
import {
  dequantizeAbsmax,
  dynamicMap,
  encodeQuantState,
  findQuantState,
  parseQuantState,
  quantStateSuffix,
} from '../../src/quant/index.ts'
import type { QuantState } from '../../src/quant/index.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const stored = await openFixture('bnb-4bit-linear.safetensors')
const weight = 'transformer.h.0.self_attention.dense.weight'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (state: QuantState): string => new TextDecoder().decode(encodeQuantState(state))
const plain: QuantState = { quantType: 'fp4', blockSize: 64, dtype: 'bfloat16', shape: [192, 128] }

describe('a state that bitsandbytes wrote', () => {
  it('is found, read, and written again byte for byte', async () => {
    const found = findQuantState(weight, stored.names)
    expect(found).toEqual({ key: `${weight}.quant_state.bitsandbytes__nf4`, quantType: 'nf4', nested: true })
    const json = await stored.readBytes(`${weight}.quant_state.bitsandbytes__nf4`)
    const state = parseQuantState(json)
    expect(state).toMatchObject({ quantType: 'nf4', blockSize: 64, dtype: 'float32', shape: [128, 128] })
    expect(state).toMatchObject({ nestedBlockSize: 256, nestedDtype: 'float32' })
    expect([...encodeQuantState(state)]).toEqual([...json])
  })

  it('goes with the signed dynamic map and scales near the offset', async () => {
    expect(await stored.readF32(`${weight}.nested_quant_map`)).toEqual(dynamicMap(true))
    const { nestedOffset: offset = NaN } = parseQuantState(
      await stored.readBytes(`${weight}.${quantStateSuffix('nf4')}`),
    )
    const codes = await stored.readBytes(`${weight}.absmax`)
    const scales = dequantizeAbsmax({ codes, nestedAbsmax: await stored.readF32(`${weight}.nested_absmax`), offset })
    const mean = scales.reduce((sum, scale) => sum + scale, 0) / scales.length
    expect(Math.abs(mean / offset - 1)).toBeLessThan(1e-3)
  })
})

describe('encodeQuantState', () => {
  it('stops after the shape without nested scales, and reads back', () => {
    expect(text(plain)).toBe('{"quant_type": "fp4", "blocksize": 64, "dtype": "bfloat16", "shape": [192, 128]}')
    expect(parseQuantState(encodeQuantState(plain))).toEqual(plain)
  })

  it.each([
    [0.08713658899068832, '0.08713658899068832'],
    [1e-5, '1e-05'],
    [-2.5e-5, '-2.5e-05'],
    [1.5e-7, '1.5e-07'],
    [0.0001, '0.0001'],
    [3, '3.0'],
    [0, '0.0'],
    [-0, '-0.0'],
    [1e16, '1e+16'],
    [123456789012345680, '1.2345678901234568e+17'],
    [1e22, '1e+22'],
    [5e-324, '5e-324'],
  ])('prints %d as Python does', (nestedOffset, repr) => {
    const json = text({ ...plain, nestedOffset })
    expect(json).toBe(
      `${text(plain).slice(0, -1)}, "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": ${repr}}`,
    )
    expect(parseQuantState(bytes(json)).nestedOffset).toBe(nestedOffset)
  })

  it('refuses an offset that is no number', () => {
    expect(() => encodeQuantState({ ...plain, nestedOffset: NaN })).toThrow(
      'encodeQuantState: nestedOffset must be finite, got NaN',
    )
  })
})

describe('parseQuantState refuses', () => {
  const state = { quant_type: 'nf4', blocksize: 64, dtype: 'float32', shape: [2, 64] }
  const nested = { ...state, nested_blocksize: 256, nested_dtype: 'float32', nested_offset: 0.1 }
  it.each([
    ['{', 'parseQuantState: not valid JSON: '],
    ['[]', 'parseQuantState: must be a JSON object'],
    [
      '{"shape":' + '['.repeat(5000) + ']'.repeat(5000) + '}',
      'parseQuantState: lists and objects lie more than 127 deep',
    ],
    [
      { ...state, blocksize: 48 },
      'parseQuantState: blocksize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, got 48',
    ],
    [
      { ...state, dtype: 'x'.repeat(1e5) },
      'parseQuantState: dtype must be one of float32, float16, bfloat16, got "xxx',
    ],
    [{ ...state, extra: 1 }, 'parseQuantState: unknown key "extra"; known are quant_type, blocksize, dtype, shape'],
    [{ ...state, shape: undefined }, 'parseQuantState: key "shape" is missing'],
    [{ ...nested, nested_offset: undefined }, 'parseQuantState: key "nested_offset" is missing'],
    [{ ...state, quant_type: 'af4' }, 'parseQuantState: quant_type must be one of nf4, fp4, got "af4"'],
    [{ ...state, dtype: 'int8' }, 'parseQuantState: dtype must be one of float32, float16, bfloat16, got "int8"'],
    [{ ...state, blocksize: 0 }, 'parseQuantState: blocksize must be a positive integer, got 0'],
    [{ ...state, shape: [2, -1] }, 'parseQuantState: shape must be a list of sizes, got [2, -1]'],
    [{ ...nested, nested_blocksize: 128 }, 'parseQuantState: nested_blocksize must be 256, got 128'],
    [{ ...nested, nested_dtype: 'float64' }, 'parseQuantState: nested_dtype must be one of float32, got "float64"'],
    [{ ...nested, nested_offset: '0.1' }, 'parseQuantState: nested_offset must be a number, got "0.1"'],
  ])('%j', (value, message) => {
    expect(() => parseQuantState(bytes(typeof value === 'string' ? value : JSON.stringify(value)))).toThrow(message)
  })
})

describe('findQuantState', () => {
  const parts = ['absmax', 'quant_map', 'quant_state.bitsandbytes__nf4']
  const names = (...suffixes: string[]): string[] => ['w', ...suffixes.map((suffix) => `w.${suffix}`)]
  it('knows a plain weight from a 4-bit one', () => {
    expect(findQuantState('w', ['w', 'ww.absmax'])).toBeUndefined()
    expect(findQuantState('w', names(...parts))).toEqual({
      key: 'w.quant_state.bitsandbytes__nf4',
      quantType: 'nf4',
      nested: false,
    })
  })

  it.each([
    [
      [...parts, 'quant_state.bitsandbytes__fp4'],
      'findQuantState: w must have exactly one quant_state, found quant_state.bitsandbytes__nf4, quant_state.bitsandbytes__fp4',
    ],
    [
      ['absmax', 'quant_map', 'quant_state.bitsandbytes__af4'],
      'findQuantState: w has quant_state.bitsandbytes__af4; known are nf4, fp4',
    ],
    [[...parts, 'zero_point'], 'findQuantState: w.zero_point is no part of a 4-bit weight'],
    [parts.slice(1), 'findQuantState: w.absmax is missing'],
    [[...parts, 'nested_absmax'], 'findQuantState: w.nested_quant_map is missing'],
  ])('refuses %j', (suffixes, message) => {
    expect(() => findQuantState('w', names(...suffixes))).toThrow(message)
  })
})
