import { expect, it } from 'vitest'
import { textFigures } from '../../../src/evaluate/text/text-figures.ts'

const quick = { resamples: 20 }

it('counts words, variety and repetition, text by text and together', () => {
  // Words: 8 (a b c d a b c d) and 2. Runs of four: abcd bcda cdab dabc abcd, of which 4 differ.
  const figures = textFigures(['A b, c d. A b c d!', '你好 Wörter'], quick)
  expect(figures.texts).toBe(2)
  expect(figures.words.value).toBe(5)
  expect(figures.characters.value).toBe((18 + 9) / 2)
  expect(figures.distinct1.value).toBe((4 / 8 + 1) / 2)
  expect(figures.distinct2.value).toBe((4 / 7 + 1) / 2)
  expect(figures.repeated4.value).toBeCloseTo(0.2 / 2, 15)
  expect(figures.together).toEqual({ distinct1: 6 / 10, distinct2: 5 / 10 })
})

it('knows texts without words, and a loop when it sees one', () => {
  const empty = textFigures(['', '...'], quick)
  expect([empty.words.value, empty.distinct1.value, empty.repeated4.value]).toEqual([0, 1, 0])
  expect(empty.together).toEqual({ distinct1: 0, distinct2: 0 })
  const loop = textFigures(['it may be '.repeat(40)], quick)
  expect(loop.repeated4.value).toBeCloseTo(1 - 3 / 117, 12)
})

it('draws whole groups, and refuses what does not fit', () => {
  const texts = ['a', 'a', 'a b c', 'a b c']
  const one = textFigures(texts, { groups: ['x', 'x', 'y', 'y'], resamples: 200 })
  expect(one.words).toEqual({ value: 2, low: 1, high: 3 })
  expect(() => textFigures([])).toThrow('textFigures: there is no answer to measure')
  expect(() => textFigures(['a'], { groups: ['a', 'b'] })).toThrow('textFigures: there are 1 answers and 2 groups')
  expect(() => textFigures([1] as object as string[])).toThrow('textFigures: texts: item 0 must be a text')
})
