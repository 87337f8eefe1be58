import { describe, expect, it, vi } from 'vitest'
import { linear } from '../../../src/optim/schedules/plain-schedules.ts'
import {
  describeSchedule,
  registerSchedule,
  resolveSchedule,
  schedule,
  type ScheduleChoice,
  type ScheduleFunction,
} from '../../../src/optim/schedules/schedules.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

interface Course {
  readonly type: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly steps: number
  readonly warmup: number
  readonly learningRate: number
  readonly factors: readonly number[]
}

const fixture = JSON.parse(new TextDecoder().decode(await readFixture('schedules.json'))) as {
  readonly schedules: readonly Course[]
}

describe('schedule', () => {
  it.each(fixture.schedules)('$type is transformers’, with $settings and warm-up $warmup', (course) => {
    const { type, settings, steps, warmup, learningRate, factors } = course
    const factorAt = schedule({ type, ...settings }, steps, warmup, learningRate)
    expect(factors).toHaveLength(steps + 1)
    factors.forEach((factor, step) => expect(factorAt(step)).toBeCloseTo(factor, 12))
  })

  it('knows every name of transformers’ that follows the step', () => {
    const names = new Set(fixture.schedules.map(({ type }) => (type === 'constant_with_warmup' ? 'constant' : type)))
    expect([...names].sort()).toEqual([
      ...['constant', 'cosine', 'cosine_warmup_with_min_lr', 'cosine_with_min_lr', 'cosine_with_restarts'],
      ...['inverse_sqrt', 'linear', 'polynomial', 'warmup_stable_decay'],
    ])
  })

  it('takes a warm-up below 1 as a share of the steps, rounded up', () => {
    const [share, steps] = [schedule('linear', 25, 0.1), schedule('linear', 25, 3)]
    for (let step = 0; step <= 25; step++) expect(share(step)).toBe(steps(step))
  })

  it('goes no lower than 0 after the last step, and holds with one step or nothing but warm-up', () => {
    expect(schedule('linear', 10)(15)).toBe(0)
    expect(schedule('cosine', 10)(15)).toBeCloseTo(0, 15)
    expect(schedule('linear', 1)(0)).toBe(1)
    expect(schedule('cosine', 2, 4)(1)).toBe(0.25)
  })

  it('takes a function of the step and of the number of steps, and checks what it gives', () => {
    const factorAt = schedule((step, steps) => 1 - step / (2 * steps), 10)
    expect([factorAt(0), factorAt(5)]).toEqual([1, 0.75])
    const refused = (shape: (step: number) => unknown, warmup = 0) =>
      expect(() => schedule(shape as ScheduleFunction, 10, warmup))
    refused((step) => step - 1).toThrow('schedule: the factor of step 0 of 10 must be a number from 0, got -1')
    refused((step) => (step === 9 ? Infinity : 1)).toThrow(
      'the factor of step 9 of 10 must be a number from 0, got Infinity',
    )
    refused(() => '1').toThrow('schedule: the factor of step 0 of 10 must be a number from 0, got "1"')
    refused(() => 1, 2).toThrow('schedule: a function gives the warm-up as well, so warmup must be 0, got 2')
    const asked = vi.fn(() => 1)
    const late = schedule(asked, 1_000_000)
    expect(asked.mock.calls.length).toBeLessThan(5000)
    expect(asked).toHaveBeenCalledWith(999_999, 1_000_000)
    asked.mockReturnValue(NaN)
    expect(() => late(3)).toThrow(expect.objectContaining({ code: 'config' }))
  })

  it('is told apart by its name, or by what the function gives', () => {
    const named = (step: number, steps: number) => 1 - step / steps
    expect(describeSchedule('cosine', 10)).toBe('cosine')
    expect(describeSchedule(named, 10)).toMatch(/^function [0-9a-f]{8}$/)
    expect(describeSchedule((a, b) => (b - a) / b, 10)).toBe(describeSchedule(named, 10))
    expect(describeSchedule((step) => (step === 7 ? 0.9 : 1), 10)).not.toBe(describeSchedule(() => 1, 10))
  })

  it.each<[ScheduleChoice, number, number | undefined, string]>([
    ['cosin', 0, 1, `schedule: there is no schedule "cosin"; did you mean 'cosine'?`],
    ['constructor', 0, 1, 'schedule: there is no schedule "constructor"; known are cosine, linear, constant, '],
    ['linear', NaN, 1, 'schedule: warmup must be a share of all steps from 0 and below 1, '],
    [{ type: 'linear', numCycles: 2 }, 0, 1, 'schedule: there is no option "numCycles"'],
    [
      { type: 'cosine_with_restarts', numCycles: 0.5 },
      0,
      1,
      'schedule.numCycles must be a whole number from 1, got 0.5',
    ],
    [{ type: 'cosine', num_cycles: 1 }, 0, 1, 'schedule: there is no option "num_cycles"; did you mean numCycles?'],
    ['polynomial', 0, undefined, 'schedule: learningRate must be a number above 0, got undefined'],
    ['polynomial', 0, 1e-8, 'schedule: lrEnd 1e-7 must not be above the learning rate, 1e-8'],
    ['cosine_with_min_lr', 0, 1, 'schedule: cosine_with_min_lr needs one of minLr, a rate, and minLrRate, a share of'],
    [{ type: 'cosine_with_min_lr', minLr: 0.1, minLrRate: 0.1 }, 0, 1, 'schedule: cosine_with_min_lr needs one of'],
    ['warmup_stable_decay', 0, 1, 'schedule: warmup_stable_decay needs numDecaySteps'],
    [
      ...[{ type: 'warmup_stable_decay', numDecaySteps: 8 }, 3, 1],
      'schedule: a warm-up of 3 steps and a decay of 8 do not fit into 10',
    ],
  ] as [ScheduleChoice, number, number | undefined, string][])(
    'refuses %j, warm-up %d',
    (choice, warmup, rate, message) => {
      expect(() => schedule(choice, 10, warmup, rate)).toThrow(
        expect.objectContaining({ code: 'config', message: expect.stringContaining(message) as string }),
      )
    },
  )

  it('refuses a run without steps', () => {
    expect(() => schedule('linear', 0)).toThrow('schedule: steps must be a whole number from 1, got 0')
  })
})

describe('resolveSchedule', () => {
  it('keeps a name, and of the settings those that are not the default', () => {
    expect(resolveSchedule('run', 'constant_with_warmup')).toBe('constant')
    expect(resolveSchedule('run', { type: 'cosine', numCycles: 0.5 })).toBe('cosine')
    const resolved = resolveSchedule('run', { type: 'polynomial', lrEnd: 1e-7, power: 2 })
    expect(resolved).toEqual({ type: 'polynomial', power: 2 })
    expect(resolveSchedule('run', resolved)).toEqual(resolved)
    expect(describeSchedule(resolved, 10)).toEqual(resolved)
  })
})

describe('registerSchedule', () => {
  it('adds a row, which has a name and settings like the others, once', () => {
    registerSchedule('falling', {
      ...linear,
      create:
        (_, { steps }) =>
        (step) =>
          1 - (step / steps) ** 2,
    })
    expect(schedule('falling', 10)(5)).toBe(0.75)
    expect(() => {
      registerSchedule('falling', linear)
    }).toThrow('registerSchedule: there is a schedule "falling" already')
  })
})
