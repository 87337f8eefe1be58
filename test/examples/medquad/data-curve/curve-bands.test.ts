import { describe, expect, it } from 'vitest'
import { Random } from '../../../../src/core/random.ts'
import { curveBands, curveThrough } from '../../../../examples/medquad/experiments/data-curve/curve-bands.ts'
import { curveTables } from '../../../../examples/medquad/experiments/data-curve/describe-curve.ts'
import { withTables } from '../../../../examples/medquad/experiments/data-curve/markdown-table.ts'
import { curvePlot } from '../../../../examples/medquad/experiments/data-curve/plot-curve.ts'
import type { CurveRecord } from '../../../../examples/medquad/experiments/data-curve/records.ts'

const sizes = [100, 250, 500, 1000, 2000, 4000, 8000, 16_000]
const truth = (size: number) => 0.9 + 1.2 * size ** -0.35

/** Runs that lie about a known curve: each disease is harder or easier than others, each run better or worse. */
function madeUp({ seeds = 3, ofRun = 0.004, ofDisease = 0.08, randomSeed = 0 } = {}): CurveRecord {
  const random = new Random(randomSeed)
  const questions = Array.from({ length: 120 }, (_, i) => {
    const qtype = i % 3 === 0 ? 'symptoms' : 'treatment'
    return { id: String(i), disease: `disease ${i >> 1}`, qtype, tokens: 30, bytes: 100 }
  })
  const hard = Array.from({ length: 60 }, () => ofDisease * random.normal())
  const natsOf = (level: number) => questions.map((_, i) => (level + (hard[i >> 1] ?? 0)) * 100 * Math.LN2)
  const points = sizes.flatMap((size) =>
    Array.from({ length: seeds }, (_, seed) => {
      const best = natsOf(truth(size) + ofRun * random.normal())
      const drawn = { drawn: '', pairs: size, examples: size, steps: 200, stepsAllowed: 200, validation: [] }
      return {
        ...drawn,
        size,
        seed,
        best: { step: 200, loss: 1 },
        nats: { best, fixed: best },
        answers: [],
        seconds: 1,
      }
    }),
  )
  const settings = { fixedSteps: 200 } as CurveRecord['settings']
  const data = { pool: 16_000, validation: 75, measured: 120 }
  return { engine: '', settings, data, questions, base: { nats: natsOf(1.5), answers: [] }, points }
}

describe('bands of a curve', () => {
  const record = madeUp()
  const bands = curveBands(record, 'best', [...sizes, 100_000], 200)

  it('lie about a curve that is near the one that was made up', () => {
    for (const {
      size,
      overBase,
      curve: { value, low, high },
    } of bands) {
      expect(Math.abs(overBase.value - truth(size) + 1.5)).toBeLessThan(0.01)
      expect(low < value && value < high).toBe(true)
    }
    expect(curveThrough(record, 'best').parameters['b']).toBeCloseTo(0.35, 1)
  })

  it('are wider for one more run, and beyond what was measured', () => {
    const width = ({ low, high }: { readonly low: number; readonly high: number }) => high - low
    for (const { run, overBase } of bands) expect(width(run)).toBeGreaterThan(width(overBase) * 0.99)
    expect(width(bands.at(-1)!.overBase)).toBeGreaterThan(width(bands.at(-2)!.overBase))
    expect(bands.find(({ size }) => size === 16_000)?.overLargest).toEqual({ value: 0, low: 0, high: 0 })
  })

  it('leave out what makes a disease hard where the base is taken off', () => {
    const [{ curve: whole, overBase }] = bands as [(typeof bands)[number]]
    expect(overBase.high - overBase.low).toBeLessThan((whole.high - whole.low) / 2)
  })

  it('hold the curve, and one more run, about as often as they say', () => {
    const tries = Array.from({ length: 40 }, (_, i) => {
      const [band] = curveBands(madeUp({ ofRun: 0.01, randomSeed: i }), 'best', [2000], 100)
      const [{ low, high } = { low: NaN, high: NaN }, off] = [band?.overBase, truth(2000) - 1.5]
      const next = off + 0.01 * new Random(1000 + i).normal()
      return [low <= off && off <= high, (band?.run.low ?? NaN) <= next && next <= (band?.run.high ?? NaN)] as const
    })
    expect(tries.filter(([isHeld]) => isHeld).length).toBeGreaterThan(0.8 * tries.length)
    expect(tries.filter(([, isHeld]) => isHeld).length).toBeGreaterThan(0.85 * tries.length)
  })

  it('do without a size that only another seed has', () => {
    const some = { ...record, points: record.points.filter(({ size, seed }) => size < 8000 || seed === 0) }
    const [last] = curveBands(some, 'best', [16_000], 100)
    expect(Math.abs((last?.overBase.value ?? NaN) - truth(16_000) + 1.5)).toBeLessThan(0.01)
    expect(last?.overBase.low).toBeLessThan(last?.overBase.high ?? NaN)
  })
})

describe('a page with a curve', () => {
  const record = madeUp()
  const tables = curveTables(record, 50)

  it('says by how much the largest size was foretold wrongly', () => {
    expect(tables['shapes']).toMatch(
      /power law with a floor, L∞ \+ a·n\^-b, L∞ from 0 +\| L∞ 0\.\d+, a \d\.\d+, b 0\.\d+ +\|/,
    )
    expect(tables['shapes']).toContain('| 16,000 foretold | off by')
    expect(tables['types']).toContain('| templates (symptoms, inheritance) | 40 ')
  })

  it('has its tables between comments, and nothing else of it changes', () => {
    const page = 'Before.\n\n<!-- table: sizes -->\n\nold\n\n<!-- end -->\n\nAfter $& it.\n'
    const renewed = withTables(page, tables)
    expect(renewed).toBe(page.replace('old', () => tables['sizes']!))
    expect(withTables(renewed, tables)).toBe(renewed)
    expect(withTables(page.replace('\nold\n', ''), tables)).toBe(renewed)
    expect(withTables(page.replace('\nold\n\n', ''), tables)).toBe(renewed)
    expect(() => withTables(page, {})).toThrow('the page asks for sizes; there is no such table')
  })

  it('is drawn the same each time, for light pages and dark ones', () => {
    const [light, dark] = [curvePlot(record, 'light', 50), curvePlot(record, 'dark', 50)]
    expect(curvePlot(record, 'light', 50)).toBe(light)
    expect(light).toMatch(/^<svg [^]*<\/svg>\n$/)
    expect(light.match(/<path /g)!.length).toBeGreaterThan(20)
    expect(dark).not.toBe(light)
  })
})
