import { describe, expect, it } from 'vitest'
import { bootstrapInterval } from '../../src/evaluate/bootstrap.ts'
import { type ExampleLoss, lossByGroup, lossChangeByGroup } from '../../src/evaluate/loss-by-group.ts'

const one = (nats: number, tokens: number, bytes: number | null = 4 * tokens): ExampleLoss => ({ nats, tokens, bytes })
const losses = [one(20, 10), one(9, 3), one(0, 0), one(44, 20), one(4, 4), one(11, 5)]
const groups = ['gout', 'asthma', 'gout', 'gout', 'croup', 'asthma']

describe('lossByGroup', () => {
  it('weighs tokens and bytes alike, in all and in each group', () => {
    const report = lossByGroup(losses, groups)
    expect(report).toMatchObject({ examples: 5, tokens: 42 })
    expect(report.loss.value).toBeCloseTo(88 / 42, 12)
    expect(report.bitsPerByte?.value).toBeCloseTo(88 / (4 * 42 * Math.LN2), 12)
    expect(report.groups.map(({ group, examples, tokens }) => [group, examples, tokens])).toEqual([
      ['gout', 2, 30],
      ['asthma', 2, 8],
      ['croup', 1, 4],
    ])
    expect(report.groups[0]?.loss.value).toBeCloseTo(64 / 30, 12)
    // Two examples: both of the first, both of the second, or each once.
    expect(report.groups[0]?.loss).toMatchObject({ low: 2, high: 2.2 })
    expect(report.groups[2]?.loss).toEqual({ value: 1, low: null, high: null })
  })

  it('draws whole groups, so that questions that are alike do not make it sure', () => {
    const diseases = [1, 2, 3, 4, 5, 6]
    const rows = diseases.flatMap((nats) => Array.from({ length: 30 }, () => one(nats, 1)))
    const names = diseases.flatMap((nats) => Array.from({ length: 30 }, () => `disease ${nats}`))
    const options = { seed: 4, resamples: 500 }
    const mean = (drawn: readonly number[]) => drawn.reduce((sum, nats) => sum + nats, 0) / drawn.length
    expect(lossByGroup(rows, names, options).loss).toEqual(bootstrapInterval(diseases, mean, options))
    const numbers = rows.map((_, i) => String(i))
    const apart = lossByGroup(rows, numbers, options)
    const width = ({ low, high }: { low: number | null; high: number | null }) => (high ?? NaN) - (low ?? NaN)
    expect(width(lossByGroup(rows, names, options).loss)).toBeGreaterThan(4 * width(apart.loss))
  })

  it('has no bits per byte where bytes are not known, and refuses what does not fit', () => {
    const unknown = lossByGroup([one(1, 1, null), one(2, 1)], ['a', 'b'])
    expect([unknown.bitsPerByte, unknown.groups[0]?.bitsPerByte]).toEqual([null, null])
    expect(unknown.groups[1]?.bitsPerByte?.value).toBeCloseTo(2 / (4 * Math.LN2), 12)
    expect(() => lossByGroup(losses, ['a'])).toThrow('lossByGroup: there are 6 losses and 1 groups')
    expect(() => lossByGroup([one(0, 0)], ['a'])).toThrow('lossByGroup: none of 1 examples has a label')
    const wrong = { samples: 3 } as object
    expect(() => lossByGroup(losses, groups, wrong)).toThrow('samples')
  })
})

describe('lossChangeByGroup', () => {
  it('pairs each example with itself, so that an equal gain is a sure one', () => {
    const after = losses.map(({ nats, tokens, bytes }) => ({ nats: nats - tokens / 2, tokens, bytes }))
    const { loss, bitsPerByte, groups: each } = lossChangeByGroup(losses, after, groups)
    for (const change of [loss, ...each.slice(0, 2).map((group) => group.loss)]) {
      for (const value of Object.values(change)) expect(value).toBeCloseTo(-0.5, 12)
    }
    expect(bitsPerByte?.value).toBeCloseTo(-0.5 / (4 * Math.LN2), 12)
    // Of the losses themselves nothing is as sure.
    expect(lossByGroup(losses, groups).loss.low).toBeLessThan(1.5)
  })

  it('refuses losses of other examples', () => {
    expect(() => lossChangeByGroup(losses, losses.slice(1), groups)).toThrow(
      'lossChangeByGroup: before and after are not of the same examples: 6 and 5 of them',
    )
    const other = losses.map(({ tokens, ...loss }) => ({ ...loss, tokens: tokens + 1 }))
    expect(() => lossChangeByGroup(losses, other, groups)).toThrow('or other tokens')
  })
})
