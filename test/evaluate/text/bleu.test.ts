import { describe, expect, it } from 'vitest'
import { bootstrapInterval } from '../../../src/evaluate/bootstrap.ts'
import { corpusBleu, sentenceBleu, type SentenceBleu } from '../../../src/evaluate/text/bleu.ts'
import { bleuOptionsOf, type OutsideBleu, outsideMetrics } from './outside-metrics.ts'

const { pairs, sentences, corpora, sentenceDefaults } = await outsideMetrics()
const quick = { resamples: 5 }

/** The largest difference, Infinity where counts or the signature are others. */
function differenceOf(mine: SentenceBleu, outside: OutsideBleu): number {
  const numbers = (bleu: SentenceBleu | OutsideBleu) => [bleu.score, bleu.bp, ...bleu.precisions, ...bleu.counts]
  const whole = JSON.stringify([mine.totals, mine.sysLen, mine.refLen, mine.signature])
  if (whole !== JSON.stringify([outside.totals, ...outside.lengths, outside.signature])) return Infinity
  const wanted = numbers(outside)
  return Math.max(...numbers(mine).map((each, i) => Math.abs(each - (wanted[i] ?? NaN))))
}

describe('sentenceBleu', () => {
  it('is that of sacrebleu, however it is counted', () => {
    const off = sentences.flatMap((outside) => {
      const [candidate, references] = pairs[outside.pairs[0] ?? NaN] ?? ['', []]
      const difference = differenceOf(sentenceBleu(candidate, references, bleuOptionsOf(outside)), outside)
      return difference <= 1e-12 ? [] : [{ ...outside, candidate, references, difference }]
    })
    expect(off).toEqual([])
  })

  it("has sacrebleu's defaults", () => {
    const off = pairs.filter(([candidate, references], i) => {
      return !(Math.abs(sentenceBleu(candidate, references).score - (sentenceDefaults[i] ?? NaN)) <= 1e-12)
    })
    expect(off).toEqual([])
  })

  it('refuses a value where it is not used, and what is no text', () => {
    expect(() => sentenceBleu('a', 'a', { smoothValue: 1 })).toThrow(
      "smoothValue is for smoothMethod 'floor' and 'add-k'",
    )
    expect(() => sentenceBleu('a', [])).toThrow('sentenceBleu: references must be')
    expect(() => sentenceBleu('a', 'a', { smoothMethod: 'exp2' } as object)).toThrow('smoothMethod must be')
    const groups = { groups: ['a'] } as object
    expect(() => sentenceBleu('a', 'a', groups)).toThrow('there is no option "groups"')
  })
})

describe('corpusBleu', () => {
  it('is that of sacrebleu, of as many references as each text has', () => {
    const off = corpora.flatMap((outside) => {
      const chosen = outside.pairs.map((i) => pairs[i] ?? (['', []] as const))
      const mine = corpusBleu(
        chosen.map(([candidate]) => candidate),
        chosen.map(([, references]) => references),
        { ...bleuOptionsOf(outside), ...quick },
      )
      const difference = differenceOf(mine, outside)
      return difference <= 1e-12 ? [] : [{ pairs: outside.pairs, signature: outside.signature, difference }]
    })
    expect(off).toEqual([])
    expect(new Set(corpora.map(({ signature }) => signature.slice(0, 9)))).toContain('nrefs:var')
  })

  it('has an interval over whole groups', () => {
    const texts = ['the cat sat on the mat', 'the cat sat on a mat', 'a dog ran in the park today', 'no dog ran there']
    const references = [
      'the cat sat on the mat',
      'the cat sat on the mat',
      'a dog ran in the park',
      'the dog ran there',
    ]
    const report = corpusBleu(texts, references, { groups: ['cat', 'cat', 'dog', 'dog'], resamples: 200 })
    const pairOf = (i: number) => [texts[i] ?? '', references[i] ?? ''] as const
    const score = (drawn: readonly (readonly (readonly [string, string])[])[]) => {
      const all = drawn.flat()
      return corpusBleu(
        all.map(([text]) => text),
        all.map(([, reference]) => reference),
        quick,
      ).score
    }
    const animals = [
      [pairOf(0), pairOf(1)],
      [pairOf(2), pairOf(3)],
    ]
    expect(report.interval).toEqual(bootstrapInterval(animals, score, { resamples: 200 }))
    expect(report.interval.value).toBe(report.score)
    expect(() => corpusBleu([], [])).toThrow('corpusBleu: there is no answer to measure')
  })
})
