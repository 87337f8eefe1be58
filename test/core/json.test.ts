import { describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { parseJson, parseJsonObject } from '../../src/core/json.ts'

const refusal = (message: string) => new MedAwareError('format', message)

describe('parseJson', () => {
  it('reads text and bytes', () => {
    expect(parseJson('f', '{"a":[1,"]"]}')).toEqual({ a: [1, ']'] })
    expect(parseJson('f', new TextEncoder().encode('"é"'))).toBe('é')
  })

  it('refuses what is nested more than 127 deep, however much more, and says so', () => {
    const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    const objects = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
    const tooDeep = refusal('f: lists and objects lie more than 127 deep in one another')
    expect(parseJson('f', lists(127))).toBeInstanceOf(Array)
    expect(parseJson('f', objects(127))).toHaveProperty('a.a.a')
    for (const depth of [128, 5000, 1e6]) {
      expect(() => parseJson('f', lists(depth))).toThrow(tooDeep)
      expect(() => parseJson('f', objects(depth))).toThrow(tooDeep)
    }
    expect(() => parseJson('f', '['.repeat(128))).toThrow(tooDeep)
  })

  it('does not count brackets in strings, nor those that are closed', () => {
    const inString = String.raw`["${'['.repeat(500)}\"${'{'.repeat(500)}\\",[]]`
    expect(parseJson('f', inString)).toHaveLength(2)
    expect(parseJson('f', `[${'[],'.repeat(500)}[]]`)).toHaveLength(501)
  })

  it.each(['', '{', '"', '"\\', '[1,]', 'NaN', '\uFEFF{}', '{"a":1}}', ']'])('refuses %j', (text) => {
    expect(() => parseJson('f', text)).toThrow(/^f: not valid JSON: /)
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseJson('f', Uint8Array.of(0x22, 0xff, 0x22))).toThrow(refusal('f: not valid UTF-8'))
  })
})

it.each(['[]', 'null', '"a"', '1'])('parseJsonObject refuses %s', (text) => {
  expect(() => parseJsonObject('f', text)).toThrow(refusal('f: must be a JSON object'))
})
