import { describe, expect, it } from 'vitest'
import { describeHeldOut, diseasesOf } from '../../../examples/medquad/held-out.ts'
import { lossCurve } from '../../../examples/medquad/record/loss-curve.ts'
import { recordOf, type RecordedRun } from '../../../examples/medquad/record/record-text.ts'
import type { MedquadPair } from '../../../examples/medquad/data/medquad-pair.ts'
import type { LossReport } from '../../../src/index.ts'

const pair = (id: number, focus: string, cui: string[] = []): MedquadPair => ({
  ...{
    id: String(id),
    collection: '',
    semanticTypes: [],
    semanticGroups: [],
    qid: '',
    qtype: 'causes',
    source: '',
    url: '',
  },
  ...{ focus, cui, question: `What causes it, ${id}?`, answer: 'Much.' },
})
const example = { inputIds: Int32Array.of(1), labels: Int32Array.of(1) }
const report = (...nats: number[]): LossReport => {
  const examples = nats.map((each) => ({ nats: each, tokens: 10, bytes: 40 }))
  return { loss: NaN, perplexity: NaN, bitsPerByte: NaN, tokenAccuracy: null, tokens: 10 * nats.length, examples }
}

describe('what is kept of held-out questions', () => {
  const pairs = [pair(1, 'Gout', ['C1']), pair(2, 'Gouty arthritis', ['C1']), pair(3, 'Gout'), pair(4, 'Croup')]
  const heldOut = pairs.map((each) => ({ pair: each, example }))

  it('names one disease alike, also where it has two names', () => {
    expect(diseasesOf(pairs)).toEqual(['Gout', 'Gout', 'Gout', 'Croup'])
  })

  it('has each question with its sums, and the figures that follow from them', () => {
    const found = describeHeldOut(heldOut, report(20, 22, 24, 30), report(10, 11, 12, 30), 7)
    expect(found?.questions.map(({ disease, natsBefore, natsAfter }) => [disease, natsBefore, natsAfter])).toEqual([
      ['Gout', 20, 10],
      ['Gout', 22, 11],
      ['Gout', 24, 12],
      ['Croup', 30, 30],
    ])
    expect(found?.before.loss.value).toBeCloseTo(96 / 40, 12)
    expect(found?.change.groups.map(({ group, loss }) => [group, Number(loss.value.toFixed(6))])).toEqual([
      ['Gout', -1.1],
      ['Croup', 0],
    ])
    expect(describeHeldOut(heldOut, report(1, 2, 3, 4), { ...report(1), examples: null }, 7)).toBeNull()
  })

  it('is written down with its intervals, and answers in full', () => {
    const summary = {
      ...{ device: 'CPU engine', steps: 300, stepsDone: 300, best: { step: 280, validationLoss: 2 } },
      seconds: { training: 3700, validation: 61, heldOutBefore: 5, heldOutAfter: 6 },
      ...{ tokensPerSecond: 99.6, peakMemoryBytes: 1.3e9, plannedMemoryBytes: 6.5e8 },
    }
    const answers = [{ question: 'What is gout?', before: ' ', after: 'A\n\nB', reference: 'C' }]
    const found = describeHeldOut(heldOut, report(20, 22, 24, 30), report(10, 11, 12, 30), 7)
    const text = recordOf({ summary, heldOut: found, answers } as object as RecordedRun)
    expect(text).toContain('| Training | 1:01:40, 100 tokens a second |')
    expect(text).toContain('| Memory | 1.30 GB resident at most; planned 650.00 MB |')
    expect(text).toContain('| 4 questions on 2 diseases | before | after | change |')
    expect(text).toMatch(/\| Gout \| 3 \| 0\.793 \(0\.721 to 0\.866\) \| 0\.397 \(.*\) \| -0\.397 \(.*\) \|/)
    expect(text).toContain('1 more diseases have fewer than 3 questions each.')
    expect(text).toContain('### What is gout?\n\n_before_\n\n> _nothing_\n\n_after_\n\n> A\n>\n> B\n')
  })

  it('has a curve from the first step to the last', () => {
    const svg = lossCurve([
      { step: 0, eval_loss: 3 },
      { step: 1, loss: 4 },
      { step: 2, loss: 2 },
      { step: 2, eval_loss: 2.5 },
    ])
    expect(svg).toContain('<polyline points="56.0,30.0 708.0,182.0"')
    expect(svg.match(/<circle/g)).toHaveLength(4)
    expect(svg).toContain('>2.50</text>')
  })
})
