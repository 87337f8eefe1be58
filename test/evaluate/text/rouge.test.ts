import { describe, expect, it } from 'vitest'
import { bootstrapInterval } from '../../../src/evaluate/bootstrap.ts'
import { rouge } from '../../../src/evaluate/text/rouge.ts'
import type { RougeType } from '../../../src/evaluate/text/rouge-score.ts'
import { outsideMetrics } from './outside-metrics.ts'

const { pairs, rouge: outside } = await outsideMetrics()
const quick = { resamples: 20 }

describe('rouge', () => {
  it('is that of rouge_score, with stems and without, of one reference and of several', () => {
    const types = Object.keys(outside[0] ?? {}) as RougeType[]
    for (const useStemmer of [false, true]) {
      const mine = pairs.map((_, i) => i).filter((i) => (i % 2 === 1) === useStemmer)
      const candidates = mine.map((i) => pairs[i]?.[0] ?? '')
      const references = mine.map((i) => pairs[i]?.[1] ?? [])
      const { scores } = rouge(candidates, references, { rougeTypes: types, useStemmer, ...quick })
      const off = mine.flatMap((i, at) =>
        types.flatMap((type) => {
          const [precision = NaN, recall = NaN, fmeasure = NaN] = outside[i]?.[type] ?? []
          const score = scores[at]?.[type] ?? { precision: NaN, recall: NaN, fmeasure: NaN }
          const differences = [score.precision - precision, score.recall - recall, score.fmeasure - fmeasure]
          return differences.every((each) => Math.abs(each) <= 1e-12)
            ? []
            : [`pair ${i}, ${type}: ${differences.join()}`]
        }),
      )
      expect(off).toEqual([])
    }
  })

  it('is the plain mean, and its interval draws whole groups', () => {
    const candidates = ['a b', 'a b', 'a x', 'x y']
    const references = ['a b', 'a b', 'a b', 'a b']
    const groups = ['fever', 'fever', 'cough', 'rash']
    const { figures, scores } = rouge(candidates, references, { groups, ...quick })
    expect(Object.keys(figures)).toEqual(['rouge1', 'rouge2', 'rougeL', 'rougeLsum'])
    expect(scores.map(({ rouge1 }) => rouge1.fmeasure)).toEqual([1, 1, 0.5, 0])
    const diseases = [[1, 1], [0.5], [0]]
    const mean = (drawn: readonly number[][]) => drawn.flat().reduce((sum, each) => sum + each, 0) / drawn.flat().length
    expect(figures.rouge1.fmeasure).toEqual(bootstrapInterval(diseases, mean, quick))
    expect(figures.rouge1.fmeasure.value).toBe(0.625)
    // Types of what was not asked for are not there.
    const one = rouge(['a'], ['a'], { rougeTypes: ['rouge9'] })
    expect(one.figures).toEqual({
      rouge9: Object.fromEntries(
        ['precision', 'recall', 'fmeasure'].map((key) => [key, { value: 0, low: null, high: null }]),
      ),
    })
  })

  it('refuses what does not fit together', () => {
    expect(() => rouge(['a'], ['a', 'b'])).toThrow('rouge: there are 1 candidates and 2 references')
    expect(() => rouge([], [])).toThrow('rouge: there is no answer to measure')
    expect(() => rouge(['a'], [[]])).toThrow('rouge: references: item 0')
    expect(() => rouge(['a'], ['a'], { groups: [] })).toThrow('rouge: there are 1 answers and 0 groups')
    const wrong = JSON.parse('{ "rougeTypes": ["rouge0"] }') as { rougeTypes: ['rouge1'] }
    expect(() => rouge(['a'], ['a'], wrong)).toThrow("rougeTypes: item 0 must be 'rouge1'")
    expect(() => rouge(['a'], ['a'], { useStemer: true } as object)).toThrow('did you mean useStemmer?')
    const long = 'word '.repeat(20_000)
    expect(() => rouge([long], [long], { rougeTypes: ['rougeLsum'] })).toThrow('rougeLsum takes lines of 20000')
  })
})
