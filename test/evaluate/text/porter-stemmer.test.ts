import { expect, it } from 'vitest'
import { porterStem } from '../../../src/evaluate/text/porter-stemmer.ts'
import { outsideMetrics } from './outside-metrics.ts'

it("has NLTK's stems", async () => {
  const words = (await outsideMetrics()).stems.split(' ')
  const cases = words.flatMap((word, i) => (i % 2 === 0 ? [{ word, stem: words[i + 1] }] : []))
  expect(cases.length).toBeGreaterThan(2_000)
  expect(cases.filter(({ word, stem }) => porterStem(word) !== stem)).toEqual([])
})
