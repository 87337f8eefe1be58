import { describe, expect, it } from 'vitest'
import { compareAccuracy, signTest } from '../../../src/evaluate/scores/compare-accuracy.ts'
import { macroF1 } from '../../../src/evaluate/scores/macro-f1.ts'
import { proportion, wilson } from '../../../src/evaluate/scores/proportion.ts'
import { type EvaluationReport, groupReport, reportOf } from '../../../src/evaluate/scores/report.ts'
import { taskNamed } from '../../../src/evaluate/tasks/tasks.ts'
import { fixture } from '../evaluation-fixture.ts'

/** A report of questions with three choices, of which the first is right. */
function reportWith(outcomes: readonly boolean[], task = 'pubmedqa', ids = outcomes.map((_, i) => String(i))) {
  const questions = outcomes.map(() => ({ choices: ['yes', 'no', 'maybe'], target: 0 }))
  const scores = outcomes.map((isRight, i) => ({
    ...{ id: ids[i] ?? '', promptSha256: '', isGreedy: [false, false, false] },
    logLikelihoods: isRight ? [-1, -2, -3] : [-2, -1, -3],
  }))
  return reportOf(taskNamed('test', task), 0, questions, scores)
}

const bits = (hits: number, n: number) => Array.from({ length: n }, (_, i) => i < hits)

describe('scores', () => {
  it.each(fixture.wilson)('has statsmodels’ Wilson interval of %i in %i', (hits, n, low, high) => {
    const found = wilson(hits, n)
    expect(found.low).toBeCloseTo(low, 12)
    expect(found.high).toBeCloseTo(high, 12)
  })

  it.each(fixture.mcnemar)('has statsmodels’ exact McNemar test of %i against %i', (one, other, pValue) => {
    expect(signTest(one, other) / pValue).toBeCloseTo(1, 9)
    expect(signTest(other, one) / pValue).toBeCloseTo(1, 9)
  })

  it.each(fixture.f1)('has scikit-learn’s macro-F1, %#', ({ right, chosen, macroF1: wanted }) => {
    expect(macroF1(right, chosen)).toBeCloseTo(wanted, 12)
  })

  it('pools tasks by size as the harness does', () => {
    const { hits, sizes, acc, stderr } = fixture.group
    const report = groupReport(
      'all',
      hits.map((count, i) => reportWith(bits(count, sizes[i] ?? 0))),
    )
    expect(report.acc.value).toBeCloseTo(acc, 12)
    expect(report.acc.stderr).toBeCloseTo(stderr, 12)
    expect(report.n).toBe(sizes.reduce((sum, size) => sum + size))
    expect(() => groupReport('none', [])).toThrow('of no report')
  })

  it('has no standard error of a single question', () => {
    expect(proportion([true])).toMatchObject({ value: 1, stderr: null, high: 1 })
    expect(() => proportion([])).toThrow('no outcome')
  })

  it('holds PubMedQA against people, chance and the best constant answer', () => {
    const { baselines, macroF1: f1 } = reportWith([true, false, true])
    expect(baselines.humans.map(({ acc }) => acc)).toEqual([0.78, 0.904])
    expect(baselines).toMatchObject({ chance: 1 / 3, constant: { answer: 'yes', acc: 1, macroF1: 1 } })
    expect(f1).toBeCloseTo(0.4, 12)
  })
})

describe('compareAccuracy', () => {
  it('counts on which questions two models differ', () => {
    const first = reportWith([true, true, false, false, true])
    const second = reportWith([true, false, true, false, false])
    expect(compareAccuracy(first, second)).toEqual({
      ...{ n: 5, both: 1, onlyFirst: 2, onlySecond: 1, neither: 1, difference: -0.2, pValue: 1 },
    })
  })

  it('finds a question by its id, whatever the order', () => {
    const first = reportWith([true, false], 'pubmedqa', ['a', 'b'])
    const second = reportWith([false, true], 'pubmedqa', ['b', 'a'])
    expect(compareAccuracy(first, second)).toMatchObject({ both: 1, neither: 1, pValue: 1 })
  })

  it.each<[string, EvaluationReport]>([
    ['other tasks', reportWith([true, true], 'medmcqa')],
    ['other questions', reportWith([true, true], 'pubmedqa', ['0', 'x'])],
    ['more questions', reportWith([true, true, true])],
  ])('refuses reports of %s', (_, other) => {
    expect(() => compareAccuracy(reportWith([true, true]), other)).toThrow(/compareAccuracy: .*(compare|evaluate)/)
  })
})
