import { describe, expect, it, vi } from 'vitest'
import { describeSchedule, schedule, type ScheduleFunction, type ScheduleName } from '../../src/optim/schedules.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const fixture = await openFixture('ops.safetensors')
const cases = fixture.names.filter((name) => name.startsWith('schedule.'))

describe('schedule', () => {
  it.each(cases)('%s is transformers’', async (key) => {
    const [, name, steps, warmup] = key.split('.')
    const factorAt = schedule(name as ScheduleName, Number(steps), Number(warmup))
    const expected = (await fixture.read(key)) as Float64Array
    expect(expected).toHaveLength(Number(steps) + 1)
    expected.forEach((factor, step) => expect(factorAt(step)).toBeCloseTo(factor, 12))
  })

  it('covers every name with and without a warm-up', () => {
    expect(cases).toHaveLength(9)
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

  it('refuses a name it does not know', () => {
    expect(() => schedule('polynomial' as ScheduleName, 10)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: `schedule: name must be 'cosine', 'linear', 'constant' or a function of the step, got "polynomial"`,
      }),
    )
    expect(() => schedule('constructor' as ScheduleName, 10)).toThrow(
      `schedule: name must be 'cosine', 'linear', 'constant' or a function of the step, got "constructor"`,
    )
    expect(() => schedule('linear', 0)).toThrow('schedule: steps must be a whole number from 1, got 0')
    expect(() => schedule('linear', 10, NaN)).toThrow(
      'schedule: warmup must be a share of all steps from 0 and below 1, ',
    )
    expect(schedule('constant_with_warmup' as ScheduleName, 10, 4)(2)).toBe(0.5)
  })
})
