import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changeAt, curveTables, runValues } from '../../../../examples/medquad/experiments/data-curve/describe-curve.ts'
import { withTables } from '../../../../examples/medquad/experiments/data-curve/markdown-table.ts'
import { curvePlot } from '../../../../examples/medquad/experiments/data-curve/plot-curve.ts'
import type { CurveRecord } from '../../../../examples/medquad/experiments/data-curve/records.ts'
import { root } from '../../../programs/run-program.ts'

const read = (path: string) => readFileSync(join(root, 'docs/results', path), 'utf8')
const record = JSON.parse(read('experiments/data-curve.json')) as CurveRecord

describe('the page on quality against data', () => {
  it('has the tables of its record', () => {
    const page = read('data-curve.md')
    const tables = curveTables(record)
    expect(page.match(/<!-- table: [\w ]+ -->/g)).toHaveLength(Object.keys(tables).length)
    expect(withTables(page, tables)).toBe(page)
  })

  it('has what four passes over 2,000 pairs come to beside one pass over as many and more', () => {
    const control = JSON.parse(read('experiments/data-curve-control.json')) as CurveRecord
    expect(control.settings).toEqual({ ...record.settings, passes: 4, answers: 0 })
    expect(control.questions).toEqual(record.questions)
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const valueOf = ({ value }: { value: number }) => value
    const told = `${mean(runValues(control, 'best').map(valueOf)).toFixed(3)} after four passes over 2,000 pairs`
    const page = read('data-curve.md').replace(/\s+/g, ' ')
    expect(page).toContain(told)
    const nats = record.questions.map((_, i) => mean(control.points.map((point) => point.nats.best[i]!)))
    for (const size of [2000, 4000, 8000, 16000]) {
      const { value, low, high } = changeAt({ ...record, base: { ...record.base, nats } }, size, 'best')
      const [change, ...range] = [value, low, high].map((each) => each?.toFixed(3) ?? '')
      expect(page).toContain(`| ${size.toLocaleString('en-US')} | ${change} (${range.join(' to ')}) |`)
    }
  })

  it('has the plots of its record', () => {
    const numbers = /-?\d+(\.\d+)?/g
    for (const [theme, name] of [
      ['light', 'data-curve'],
      ['dark', 'data-curve-dark'],
    ] as const) {
      const [drawn, kept] = [curvePlot(record, theme), read(`experiments/${name}.svg`)]
      expect(drawn.replace(numbers, '#') === kept.replace(numbers, '#'), name).toBe(true)
      // Versions of Node differ in the last digits of a power.
      const places = kept.match(numbers)!.map(Number)
      const off = drawn.match(numbers)!.map((number, i) => Math.abs(Number(number) - places[i]!))
      expect(Math.max(...off)).toBeLessThan(0.02)
    }
  })

  it('has runs of the settings and sizes that it tells of, each on subsets of that many pairs', () => {
    expect(record.settings).toMatchObject({ base: 'small Falcon', maxLength: 64, batch: 8, fixedSteps: 200, passes: 1 })
    for (const { size, pairs, examples, nats } of record.points) {
      expect(pairs).toBe(size)
      expect(examples).toBeGreaterThan(0.99 * size)
      for (const each of [nats.best, nats.fixed]) expect(each).toHaveLength(record.questions.length)
    }
  })
})
