import { expect, it } from 'vitest'
import type { MetricFollower, Schedule } from '../../../src/optim/schedules/schedule.ts'
import { schedule } from '../../../src/optim/schedules/schedules.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

const { plateaus } = JSON.parse(new TextDecoder().decode(await readFixture('schedules.json'))) as {
  readonly plateaus: readonly {
    readonly settings: Readonly<Record<string, unknown>>
    readonly learningRate: number
    readonly metrics: readonly number[]
    readonly rates: readonly number[]
  }[]
}

const make = (settings: object, warmup = 0, rate = 0.02) =>
  schedule({ type: 'reduce_lr_on_plateau', ...settings }, 50, warmup, rate)

function followerOf({ follower }: Schedule): MetricFollower {
  if (follower === undefined) throw new Error('the schedule follows no metric')
  return follower
}

it.each(plateaus)('reduces the rate as torch does: $settings', ({ settings, learningRate, metrics, rates }) => {
  let factorAt = make(settings, 0, learningRate)
  for (const [i, metric] of metrics.entries()) {
    followerOf(factorAt).observe(metric)
    expect(factorAt(i) * learningRate).toBeCloseTo(rates[i] ?? NaN, 15)
    // A state in JSON is all that it goes by.
    const resumedAt = make(settings, 0, learningRate)
    followerOf(resumedAt).restore(JSON.parse(JSON.stringify(followerOf(factorAt).state())))
    expect(resumedAt(i)).toBe(factorAt(i))
    factorAt = resumedAt
  }
})

it('has fixtures whose rates fall', () => {
  expect(plateaus.filter(({ rates }) => new Set(rates).size > 1).length).toBeGreaterThan(3)
})

it('has a warm-up, which is the share of the rate of now', () => {
  const factorAt = make({ patience: 0, factor: 0.5 }, 10)
  expect([factorAt(0), factorAt(5), factorAt(10)]).toEqual([0, 0.5, 1])
  for (const metric of [1, 2]) followerOf(factorAt).observe(metric)
  expect(factorAt(20)).toBe(0.5)
})

it('refuses what is no metric and no state, and changes nothing', () => {
  const factorAt = make({ patience: 0, factor: 0.5 })
  const follower = followerOf(factorAt)
  const before = follower.state()
  expect(() => {
    follower.observe(NaN)
  }).toThrow('schedule: the metric must be a number, got NaN')
  for (const state of [null, {}, { ...before, rate: -1 }, { ...before, best: 'low' }, { ...before, bad: 0.5 }]) {
    expect(() => {
      follower.restore(state)
    }).toThrow(expect.objectContaining({ code: 'format' }))
  }
  expect(follower.state()).toEqual(before)
  expect(() => make({ factor: 1 })).toThrow('schedule.factor must be a number above 0 and below 1, got 1')
})
