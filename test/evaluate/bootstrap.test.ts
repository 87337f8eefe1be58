import { describe, expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { bootstrapInterval } from '../../src/evaluate/bootstrap.ts'

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('bootstrapInterval', () => {
  it('has the quantiles of what can be drawn', () => {
    // The mean of two draws of 0 and 1 is 0, 0.5 or 1, with probabilities 1/4, 1/2 and 1/4.
    expect(bootstrapInterval([0, 1], mean)).toEqual({ value: 0.5, low: 0, high: 1 })
    expect(bootstrapInterval([0, 1], mean, { confidence: 0.4 })).toEqual({ value: 0.5, low: 0.5, high: 0.5 })
  })

  it('is that of theory for the mean of many draws', () => {
    const random = new Random(1)
    const values = Array.from({ length: 400 }, () => 3 + 2 * random.normal())
    const centre = mean(values)
    const error = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)) / values.length)
    for (const [confidence, z] of [
      [0.95, 1.95996],
      [0.8, 1.28155],
    ] as const) {
      const { value, low, high } = bootstrapInterval(values, mean, { confidence })
      expect(value).toBe(centre)
      // The quantiles of 10,000 draws are off by about 0.03 standard errors.
      expect(Math.abs((low ?? NaN) - (centre - z * error))).toBeLessThan(0.1 * error)
      expect(Math.abs((high ?? NaN) - (centre + z * error))).toBeLessThan(0.1 * error)
    }
  })

  it('is the same for the same seed', () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6]
    const of = (seed: number) => bootstrapInterval(values, mean, { seed, resamples: 99 })
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
  })

  it('knows no interval of a single unit, and refuses none and what is not finite', () => {
    expect(bootstrapInterval([7], mean)).toEqual({ value: 7, low: null, high: null })
    expect(() => bootstrapInterval([], mean)).toThrow('bootstrapInterval: there is nothing to draw from')
    expect(() => bootstrapInterval([1, NaN], mean)).toThrow('bootstrapInterval: the figure of all 2 units is NaN')
    // Whole it is fine, and a draw of zeros alone divides by zero.
    const share = (drawn: readonly number[]) => 1 / drawn.reduce((sum, value) => sum + value, 0)
    expect(() => bootstrapInterval([0, 1], share)).toThrow('bootstrapInterval: the figure of a draw is Infinity')
    expect(() => bootstrapInterval([1, 2], mean, { confidence: 1 })).toThrow('confidence')
    expect(() => bootstrapInterval([1, 2], mean, { resamples: 0 })).toThrow('resamples')
  })
})
