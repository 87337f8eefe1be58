import { describe, expect, it } from 'vitest'
import { equal, largestMagnitude, same, within, withinShare, worst } from './check.ts'

/** More than a call takes arguments. */
const many = Float32Array.from({ length: 300_000 }, (_, i) => Math.sin(i))
const changed = (by: number) => many.map((value, i) => (i === 250_000 ? value + by : value))

describe('checks of golden numbers', () => {
  it('compare arrays of any size', () => {
    expect(within('x', changed(0.5), many, 0.4)).toMatchObject({ ok: false, error: expect.closeTo(0.5, 5) as number })
    expect(withinShare('x', changed(0.5), many, 0.6)).toMatchObject({
      ok: true,
      error: expect.closeTo(0.5, 5) as number,
    })
    expect(equal('x', changed(0.5), many)).toMatchObject({ ok: false, error: 1 })
    expect(equal('x', many, many)).toMatchObject({ ok: true })
    expect(largestMagnitude(many.map((value, i) => (i === 250_000 ? -9 : value)))).toBe(9)
  })

  it.each([within, withinShare])('%o fails where a number is none, or missing', (compare) => {
    const good = [1, 2, 3]
    expect(compare('x', good, good, 0)).toMatchObject({ ok: true })
    for (const bad of [
      [1, NaN, 3],
      [1, NaN, 9],
      [1, 2],
      [1, 2, 3, 4],
    ]) {
      expect(compare('x', bad, good, 1e9)).toMatchObject({ ok: false })
    }
    expect(compare('x', good, [1, NaN, 3], 1e9)).toMatchObject({ ok: false })
  })

  it('equal counts what is no number as different', () => {
    expect(equal('x', [1, NaN, 3], [1, 2, 3], 5)).toMatchObject({ ok: false, error: 1 })
    expect(equal('x', [1, 2], [1, 2, 3])).toMatchObject({ ok: false })
    expect(equal('x', [1, 2, 4], [1, 2, 3], 1)).toMatchObject({ ok: true })
  })

  it('same says where two texts part', () => {
    expect(same('x', 'a\nb', 'a\nb')).toEqual({ name: 'x', error: 0, bound: 0, ok: true })
    expect(same('x', 'a\nbc\nd', 'a\nbd\nd')).toEqual({ name: 'x: bc for bd', error: 4, bound: 0, ok: false })
    expect(same('x', 'a', 'ab')).toMatchObject({ ok: false, error: 2 })
  })

  it('worst is the check that is furthest beyond its bound', () => {
    const [fine, bad] = [within('fine', [1], [1], 1), within('bad', [3], [1], 1)]
    expect(worst('all', [fine, bad])).toMatchObject({ name: 'all (2, worst bad)', ok: false })
    expect(worst('all', [])).toEqual({ name: 'all', unsupported: 'nothing to compare' })
  })
})
