import { expect, it } from 'vitest'
import { selfAgreement } from '../../../src/evaluate/text/self-agreement.ts'

const quick = { resamples: 20 }
const values = (answers: readonly (readonly string[])[]) => {
  const { agreement, uniqueness, samePairs, rougeL } = selfAgreement(answers, quick)
  return [agreement.value, uniqueness.value, samePairs.value, rougeL.value]
}

it('is 1 where all answers are alike but for case, spaces and punctuation', () => {
  expect(values([['It is rare.', 'it  is\nRARE', 'It is (rare)!']])).toEqual([1, 1 / 3, 1, 1])
  expect(values([['', '...']])).toEqual([1, 1 / 2, 1, 1])
})

it('is 1 in the number of runs where none is like another', () => {
  expect(values([['a', 'b', 'c', 'd', 'e']])).toEqual([1 / 5, 1, 0, 0])
})

it('takes the commonest answer, and the wording of all pairs', () => {
  // Of four answers two are the same: 1 pair of 6. ROUGE-L: x y with x y is 1, with x z twice 1/2, with w 0, x z with w
  // 0.
  const [agreement, uniqueness, samePairs, rougeL] = values([['x y', 'X y.', 'x z', 'w']])
  expect([agreement, uniqueness, samePairs]).toEqual([1 / 2, 3 / 4, 1 / 6])
  expect(rougeL).toBeCloseTo((1 + 0.5 + 0.5) / 6, 15)
})

it('is a mean over questions, with an interval over groups', () => {
  const answers = [
    ['a', 'a'],
    ['a', 'b'],
    ['c', 'd'],
  ]
  const { agreement, questions, runs } = selfAgreement(answers, { groups: ['x', 'y', 'y'], resamples: 200 })
  expect({ questions, runs }).toEqual({ questions: 3, runs: 2 })
  expect(agreement).toEqual({ value: 2 / 3, low: 0.5, high: 1 })
  expect(() =>
    selfAgreement([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]),
  ).toThrow('question 0 has 2 answers and question 1 has 3')
  expect(() => selfAgreement([['a']])).toThrow('selfAgreement: answers: item 0 must be a list of at least 2')
  expect(() => selfAgreement([])).toThrow('selfAgreement: there is no answer to measure')
})
