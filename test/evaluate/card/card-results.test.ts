import { describe, expect, it } from 'vitest'
import { checkAnswers } from '../../../src/evaluate/check/check-answers.ts'
import { cardResults } from '../../../src/evaluate/card/card-results.ts'
import { lossByGroup } from '../../../src/evaluate/loss-by-group.ts'
import { reportOf } from '../../../src/evaluate/scores/report.ts'
import { taskNamed } from '../../../src/evaluate/tasks/tasks.ts'
import { rouge } from '../../../src/evaluate/text/rouge.ts'

/** A report of PubMedQA in which the model says `chosen` where `targets` are right. */
function pubmedqa(targets: readonly number[], chosen: readonly number[]) {
  const questions = targets.map((target) => ({ choices: ['yes', 'no', 'maybe'], target }))
  const scores = chosen.map((choice, i) => {
    const logLikelihoods = [0, 1, 2].map((each) => (each === choice ? -1 : -2))
    return { id: `q${i}`, promptSha256: '', logLikelihoods, isGreedy: [false, false, false] }
  })
  return reportOf(taskNamed('test', 'pubmedqa'), 0, questions, scores)
}

describe('cardResults', () => {
  it('puts accuracies beside the base, the best constant answer, chance and people', () => {
    const targets = [0, 0, 0, 1, 1, 2]
    const [after, before] = [pubmedqa(targets, [0, 0, 0, 1, 0, 2]), pubmedqa(targets, [1, 0, 0, 0, 0, 0])]
    const on = { baselines: { base: before }, dataset: 'qiaojin/PubMedQA', split: 'test' }
    const [accuracy, f1] = cardResults({ evaluations: [{ report: after, ...on }] })
    expect(accuracy).toMatchObject({
      ...{ task: 'pubmedqa', metric: 'accuracy', n: 6, dataset: 'qiaojin/PubMedQA', split: 'test' },
      figure: { value: 5 / 6, low: after.acc.low, high: after.acc.high },
      baselines: {
        base: { value: 2 / 6, low: before.acc.low },
        'best constant answer': { value: 0.5, low: after.baselines.constant.low },
      },
      // Three of three that differ, two-sided: 2 / 2³.
      note: "0 examples shown; against base 3 answers became right and 0 wrong, McNemar's test p = 0.25",
    })
    expect(accuracy?.baselines?.['chance']?.value).toBeCloseTo(1 / 3, 12)
    const people = after.baselines.humans.map(({ who, acc }) => [who, acc])
    expect(people.length).toBeGreaterThan(0)
    for (const [who = '', acc] of people) expect(accuracy?.baselines).toHaveProperty([String(who), 'value'], acc)
    expect(f1).toMatchObject({ metric: 'macro F1', figure: { value: after.macroF1 } })
    expect(f1?.baselines?.['best constant answer']?.value).toBe(after.baselines.constant.macroF1)
    const other = pubmedqa(targets.slice(1), [0, 0, 1, 0, 2])
    expect(() => cardResults({ evaluations: [{ report: after, baselines: { other } }] })).toThrow('compareAccuracy')
  })

  it('has losses, ROUGE and flags with their intervals', () => {
    const loss = (nats: number) => {
      return lossByGroup(
        [10, 12, 8].map((each) => ({ nats: each * nats, tokens: 10, bytes: 40 })),
        ['a', 'b', 'c'],
      )
    }
    const texts = [
      ['one two', 'three'],
      ['one', 'four'],
    ] as const
    const overlap = rouge([...texts[0]], [...texts[1]], { rougeTypes: ['rougeL'] })
    const answers = checkAnswers(['Take 5 mg.', 'Rest.'], ['Take 5 mg.', 'Sleep.'])
    const results = cardResults({
      losses: [{ report: loss(1), baselines: { base: loss(2) } }],
      rouge: [{ report: overlap, baselines: { constant: overlap }, note: 'few' }],
      answers: [{ report: answers }],
    })
    expect(results.map(({ metric, n }) => [metric, n])).toEqual([
      ...[
        ['loss, nats a token', 3],
        ['bits per byte', 3],
      ],
      ...[
        ['rougeL, F-measure', 2],
        ['share of answers that say what their source does not', 2],
      ],
    ])
    expect(results[0]).toMatchObject({
      figure: { value: 1, low: loss(1).loss.low },
      baselines: { base: { value: 2, high: loss(2).loss.high } },
    })
    expect(results[2]).toMatchObject({ figure: overlap.figures.rougeL.fmeasure, note: 'few' })
    expect(results[3]?.figure).toEqual(answers.flagged)
    const shorter = lossByGroup([{ nats: 1, tokens: 1, bytes: 4 }], ['a'])
    expect(() => cardResults({ losses: [{ report: loss(1), baselines: { base: shorter } }] })).toThrow(
      'cardResults: the loss of base is of 1 tokens, and the report of 30; measure both on the same examples',
    )
    expect(() => cardResults({ rouge: [{ report: answers as never }] })).toThrow('a report, as rouge gives')
    expect(() => cardResults({ bleu: [] } as never)).toThrow('cardResults: there is no option "bleu"')
  })
})
