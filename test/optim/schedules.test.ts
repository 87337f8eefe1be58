import { describe, expect, it } from 'vitest'
import { schedule, type ScheduleName } from '../../src/optim/schedules.ts'
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

  it('refuses a name it does not know', () => {
    expect(() => schedule('polynomial' as ScheduleName, 10)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: `schedule: name must be 'cosine', 'linear', 'constant', got "polynomial"`,
      }),
    )
    expect(() => schedule('constructor' as ScheduleName, 10)).toThrow(
      `schedule: name must be 'cosine', 'linear', 'constant', got "constructor"`,
    )
    expect(() => schedule('linear', 0)).toThrow('schedule: steps must be a whole number from 1, got 0')
    expect(() => schedule('linear', 10, NaN)).toThrow(
      'schedule: warmup must be a share of all steps from 0 and below 1, ',
    )
    expect(schedule('constant_with_warmup' as ScheduleName, 10, 4)(2)).toBe(0.5)
  })
})
