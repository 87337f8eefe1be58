import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { curveShapes, lastValue } from '../../../../examples/medquad/experiments/data-curve/fit-curve.ts'

interface Case {
  readonly name: string
  readonly sizes: readonly number[]
  readonly values: readonly number[]
  readonly fits: Readonly<Record<keyof typeof curveShapes, { parameters: number[]; squares: number } | null>>
}

const text = readFileSync(new URL('../../../fixtures/medquad/curve-fits.json', import.meta.url), 'utf8')
const { cases } = JSON.parse(text) as { cases: readonly Case[] }

describe('a fitted curve', () => {
  const each = cases.flatMap(({ name, sizes, values, fits }) => {
    return (Object.keys(curveShapes) as (keyof typeof curveShapes)[]).map((shape) => {
      return { name, shape, points: sizes.map((size, i) => ({ size, value: values[i]! })), scipy: fits[shape]! }
    })
  })

  const isSought = ({ parameters }: { parameters: readonly number[] }) => parameters.at(-1)! > 1e-4
  it.each(each.filter(({ scipy }) => isSought(scipy)))(
    "is scipy's: $shape through $name",
    ({ shape, points, scipy }) => {
      const curve = curveShapes[shape].fit(points)
      expect(curve.squares).toBeLessThan(scipy.squares * (1 + 1e-6) + 1e-15)
      Object.values(curve.parameters).forEach((value, i) => {
        const expected = scipy.parameters[i]!
        expect(Math.abs(value - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)))
      })
    },
  )

  it('is flat where a power would have to rise', () => {
    const rising = each.filter(({ scipy }) => !isSought(scipy))
    expect(rising.map(({ shape }) => shape)).toContain('power law')
    for (const { shape, points } of rising.filter((one) => one.shape === 'power law')) {
      expect(curveShapes[shape].fit(points).parameters).toMatchObject({ b: expect.closeTo(0, 3) as number })
    }
  })

  it('goes through what is a curve of its shape, far beyond the sizes', () => {
    const truth = (size: number) => 0.9 + 3 * size ** -0.5
    const curve = curveShapes['power law with a floor'].fit(
      [100, 400, 1600, 6400].map((n) => ({ size: n, value: truth(n) })),
    )
    expect(curve.at(100_000)).toBeCloseTo(truth(100_000), 7)
  })

  it('needs as many sizes as it has parameters', () => {
    const two = [100, 200, 200].map((size) => ({ size, value: 1 }))
    expect(() => curveShapes['power law with a floor'].fit(two)).toThrow('needs as many sizes, and there are 2')
  })

  it('has the value of the largest size as its plainest rival', () => {
    expect(lastValue([2, 8, 4].map((size) => ({ size, value: size / 10 })))).toBe(0.8)
  })
})
