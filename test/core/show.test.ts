import { describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { shorten, show, showNames } from '../../src/core/show.ts'

/** Lists within lists, as deep as asked for. */
function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

describe('show', () => {
  it.each([
    ['a "b"', '"a \\"b\\""'],
    [3, '3'],
    [-0, '-0'],
    [NaN, 'NaN'],
    [12n, '12n'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [[], '[]'],
    [[1, 'a', [2], {}], '[1, "a", […], {…}]'],
    [{ a: 1, b: { c: 2 } }, '{ a: 1, b: {…} }'],
    [{}, '{}'],
    [new Map(), 'a Map'],
    [new Error('x'), 'an Error'],
    [new Uint8Array(2), 'a Uint8Array of 2'],
    [Object.create(null), '{}'],
    [parseInt, 'the function parseInt'],
  ])('shows %o as %s', (value: unknown, words) => {
    expect(show(value)).toBe(words)
  })

  it('stays short, whatever it is shown', () => {
    const values = [
      'x'.repeat(1e6),
      nested(100_000),
      Array<number>(1e6).fill(1),
      Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, i])),
      { ['k'.repeat(1e6)]: 1 },
      Array<string>(8).fill('y'.repeat(1000)),
      10n ** 1000n,
    ]
    for (const value of values) expect(show(value).length).toBeLessThan(130)
  })

  it('shows an object that refers to itself', () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    expect(show(loop)).toBe('{ self: {…} }')
  })
})

describe('shorten', () => {
  it('does not cut a character in two', () => {
    expect(shorten('aa😀', 3)).toBe('aa… (4 characters)')
  })
})

describe('showNames', () => {
  it('counts what it leaves out', () => {
    expect(showNames(['a', 'b', 'c'], 2)).toBe('a, b and 1 more')
    expect(showNames(['a'], 2)).toBe('a')
  })
})

it('an error keeps its message within bounds', () => {
  expect(new MedAwareError('format', 'x'.repeat(1e6)).message.length).toBeLessThan(4100)
})
