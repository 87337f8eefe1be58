import { expect, test } from 'vitest'
import { markup } from '../../../src/trainer/report/markup.ts'
import { shownNumber, smoothed, thinned, ticksOf } from '../../../src/trainer/report/series.ts'

const points = (...values: number[]) => values.map((value, i) => ({ step: i + 1, value }))

test('ticks are round numbers within the range', () => {
  expect(ticksOf(0, 10, 4)).toEqual([0, 2, 4, 6, 8, 10])
  expect(ticksOf(2.13, 2.97, 4)).toEqual([2.2, 2.4, 2.6, 2.8])
  expect(ticksOf(0, 2e-4, 4)).toEqual([0, 5e-5, 1e-4, 1.5e-4, 2e-4])
  expect(ticksOf(-0.3, 0.3, 5)).toEqual([-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3])
  expect(ticksOf(0, 1, 4)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
})

test('what is too many is put together, and what is not finite left out', () => {
  expect(thinned(points(1, 3, 5, 7, 9), 2)).toEqual([
    { step: 2, value: 3 },
    { step: 4.5, value: 8 },
  ])
  expect(thinned(points(1, NaN, Infinity, 2), 9)).toEqual([
    { step: 1, value: 1 },
    { step: 4, value: 2 },
  ])
  expect(thinned([], 3)).toEqual([])
})

test('smoothing leans on no zeros', () => {
  expect(smoothed(points(3, 3, 3), 3).map(({ value }) => value)).toEqual([3, 3, 3])
  // Weights 1/4, 1/2, 1 of the last three.
  expect(smoothed(points(1, 2, 4), 3).at(-1)?.value).toBeCloseTo((0.25 * 1 + 0.5 * 2 + 4) / 1.75, 12)
})

test.each([
  [0, '0'],
  [12345, '12,345'],
  [0.123456, '0.1235'],
  [2.5, '2.5'],
  [1234.56, '1,235'],
  [2e-4, '2e-4'],
  [1.2346e-7, '1.235e-7'],
  [1.5e9 + 0.5, '1.5e9'],
  [Infinity, 'Infinity'],
])('%d is shown as %s', (value, shown) => {
  expect(shownNumber(value)).toBe(shown)
})

test('texts are escaped, and HTML within HTML is not', () => {
  const inner = markup`<i>${`a & "b" <c>'`}</i>`
  expect(markup`<p title="${'"'}">${inner}${[inner, inner]}</p>`.source).toBe(
    ['<p title="&quot;"><i>', '</i><i>', '</i>\n<i>', '</i></p>'].join('a &amp; &quot;b&quot; &lt;c&gt;&#39;'),
  )
})
