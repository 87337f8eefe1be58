import { describe, expect, it } from 'vitest'
import { bitsPerByte, compareArms } from '../../../../examples/medquad/experiments/compare-arms.ts'
import { tQuantile, tTest } from '../../../../examples/medquad/experiments/student-t.ts'

const bytes = 10 / Math.LN2
const questions = ['gout', 'gout', 'croup', 'mumps'].map((disease, i) => ({ id: `${i}`, disease, bytes }))

describe('two arms on the same questions', () => {
  const other = [1, 2].map((seed) => ({ seed, nats: [4, 4, 4, 4] }))

  it('differ by what their seeds differ, whichever order these are in', () => {
    const arm = [
      { seed: 2, nats: [6, 6, 6, 6] },
      { seed: 1, nats: [5, 5, 5, 5] },
    ]
    const { difference, seedDeviation, pValue } = compareArms(questions, arm, other)
    expect(difference.value).toBeCloseTo(0.15, 12)
    expect(seedDeviation).toBeCloseTo(Math.SQRT1_2 / 10, 12)
    // Diseases do not differ, so this is the paired t-test of 0.1 and 0.2: t = 3 with one degree of freedom.
    expect(pValue).toBeCloseTo(0.204833, 6)
    expect(difference.high).toBeCloseTo(0.15 + (12.7062 * 0.05) / 1, 4)
  })

  it('vary over diseases, not over questions, where seeds are alike', () => {
    const arm = other.map(({ seed }) => ({ seed, nats: [5, 5, 4, 4] }))
    const { difference, pValue } = compareArms(questions, arm, other)
    // Off the mean of 0.5 nats by 1, -0.5 and -0.5: variance 3/2 · 1.5 / 40².
    const error = 1.5 / 40
    expect(difference.value).toBeCloseTo(0.05, 12)
    expect(difference.high).toBeCloseTo(0.05 + 4.302653 * error, 6)
    expect(pValue).toBeCloseTo(tTest(0.05 / error, 2), 12)
  })

  it('have no interval with one seed, and one with a base that has none', () => {
    const arm = [{ seed: 1, nats: [5, 5, 4, 4] }]
    expect(compareArms(questions, arm, other)).toMatchObject({
      ...{ difference: { low: null, high: null }, seedDeviation: null, pValue: null },
    })
    const base = [{ seed: 0, nats: [5, 5, 4, 4] }]
    expect(compareArms(questions, base, other).pValue).toBeGreaterThan(0)
    expect(bitsPerByte(questions, base).difference.value).toBeCloseTo(0.45, 12)
  })

  it('are the same where they are one arm', () => {
    expect(compareArms(questions, other, other)).toMatchObject({ difference: { value: 0, low: 0, high: 0 }, pValue: 1 })
  })

  it('need a seed in common', () => {
    expect(() => compareArms(questions, [{ seed: 7, nats: [1, 1, 1, 1] }], other)).toThrow('no seed in common')
  })
})

describe("Student's t", () => {
  it('has the quantiles of printed tables', () => {
    const printed = [
      ...([
        [0.05, 1, 12.7062],
        [0.05, 2, 4.302653],
        [0.05, 10, 2.228139],
      ] as const),
      ...([
        [0.01, 5, 4.032143],
        [0.05, 1000, 1.962339],
      ] as const),
    ]
    for (const [p, df, t] of printed) expect(tQuantile(p, df)).toBeCloseTo(t, 4)
  })

  it('has a tail for degrees of freedom between whole ones', () => {
    // 2 * scipy.stats.t.sf(2.5, 3.7)
    expect(tTest(-2.5, 3.7)).toBe(tTest(2.5, 3.7))
    expect(tTest(2.5, 3.7)).toBeCloseTo(0.071822, 6)
  })
})
