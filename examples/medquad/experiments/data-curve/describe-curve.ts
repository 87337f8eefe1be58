import { bootstrapInterval, type Interval } from 'peft-medaware'
import { count } from '../../words.ts'
import { type Band, curveBands, meansBySize, measuring, type Measurement } from './curve-bands.ts'
import { curveShapes, lastValue } from './fit-curve.ts'
import { markdownTable } from './markdown-table.ts'
import type { CurveRecord } from './records.ts'

/** Sizes that nobody measured here, of which the curve says something. */
export const beyond: readonly number[] = [50_000, 100_000]

/** Types of questions whose answers are templates, nearly word for word. */
const templates: readonly string[] = ['symptoms', 'inheritance']

/** A type with fewer questions stands with the others of its kind alone. */
const fewest = 20

const resamples = 2000

/** The figures of a curve as Markdown, by what they show: the same record, the same text. */
export function curveTables(record: CurveRecord, draws?: number): Readonly<Record<string, string>> {
  return {
    sizes: sizesTable(record),
    shapes: shapesTable(record),
    beyond: beyondTable(record, draws),
    types: typesTable(record),
    answers: answersTable(record),
  }
}

function sizesTable(record: CurveRecord): string {
  const rows = sizesOf(record).map((size) => {
    const points = record.points.filter((point) => point.size === size)
    const valuesOf = (which: Measurement) => {
      const values = runValues(record, which).filter((run) => run.size === size)
      const [least, most] = [
        Math.min(...values.map(({ value }) => value)),
        Math.max(...values.map(({ value }) => value)),
      ]
      return values.length < 2
        ? least.toFixed(3)
        : `${mean(values.map(({ value }) => value)).toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`
    }
    const steps = range(points.map((point) => point.best.step))
    return [
      count(size),
      String(points.length),
      steps,
      valuesOf('best'),
      interval(changeAt(record, size, 'best')),
      valuesOf('fixed'),
      interval(changeAt(record, size, 'fixed')),
    ]
  })
  const base = baseValue(record).toFixed(3)
  const none = ['0', '', '', base, '', base, '']
  const fixed = `after ${record.settings.fixedSteps} steps`
  return markdownTable(['pairs', 'runs', 'best step', 'bits per byte', 'change', fixed, 'change'], [none, ...rows])
}

function shapesTable(record: CurveRecord): string {
  const rows = (['best', 'fixed'] as const).flatMap((which) => {
    const means = meansBySize(runValues(record, which))
    const largest = Math.max(...means.map(({ size }) => size))
    const early = means.filter(({ size }) => size <= largest / 4)
    const measured = lastValue(means)
    const name = which === 'best' ? 'lowest validation loss' : `${record.settings.fixedSteps} steps`
    const predicted = (value: number) => [value.toFixed(4), signed(value - measured)]
    const fitted = Object.entries(curveShapes).map(([shape, { formula, unknowns, fit }]) => {
      const { parameters, squares, at } = fit(means)
      const values = Object.entries(parameters).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`)
      const far = beyond.map((size) => at(size).toFixed(3))
      const distance = Math.sqrt(squares / means.length).toFixed(4)
      const foretold = early.length < unknowns ? ['', ''] : predicted(fit(early).at(largest))
      return [name, `${shape}, ${formula}`, values.join(', '), distance, ...foretold, ...far]
    })
    const same = early.length === 0 ? ['', ''] : predicted(lastValue(early))
    return [...fitted, [name, 'no change', '', '', ...same, ...beyond.map(() => measured.toFixed(3))]]
  })
  const largest = Math.max(...sizesOf(record))
  const head = ['measured at', 'shape', 'parameters', 'distance', `${count(largest)} foretold`, 'off by']
  return markdownTable([...head, ...beyond.map((size) => `at ${count(size)}`)], rows)
}

function beyondTable(record: CurveRecord, draws?: number): string {
  const sizes = [...sizesOf(record), ...beyond]
  const bands = curveBands(record, 'best', sizes, draws)
  const largest = count(Math.max(...sizesOf(record)))
  const rows = bands.map(({ size, curve, overBase, run, overLargest }) => {
    return [count(size), ...[curve, overBase, run, overLargest].map(interval)]
  })
  return markdownTable(
    ['pairs', 'curve', 'less the base', 'one more run, less the base', `less the curve at ${largest}`],
    rows,
  )
}

function typesTable(record: CurveRecord): string {
  const isTemplate = (qtype: string) => templates.includes(qtype)
  const types = [...new Set(record.questions.map(({ qtype }) => qtype))]
  const numberOf = (is: (qtype: string) => boolean) => record.questions.filter(({ qtype }) => is(qtype)).length
  const groups: (readonly [string, (qtype: string) => boolean])[] = [
    [`templates (${templates.join(', ')})`, isTemplate],
    ['all others', (qtype) => !isTemplate(qtype)],
    ...types
      .map((type) => [type, (qtype: string) => qtype === type] as const)
      .filter(([, is]) => numberOf(is) >= fewest)
      .sort(([, a], [, b]) => numberOf(b) - numberOf(a)),
  ]
  const shown = someSizes(record)
  const rows = groups
    .filter(([, is]) => numberOf(is) > 0)
    .map(([name, is]) => {
      const means = meansBySize(runValues(record, 'best', is))
      const [first, last] = [means.at(0)?.value ?? NaN, lastValue(means)]
      const cells = shown.map((size) => means.find((each) => each.size === size)?.value.toFixed(3) ?? '')
      return [name, String(numberOf(is)), baseValue(record, is).toFixed(3), ...cells, signed(last - first)]
    })
  const head = ['questions on', 'questions', 'base', ...shown.map(count), 'smallest to largest']
  return markdownTable(head, rows)
}

function answersTable(record: CurveRecord): string {
  const figure = (scores: readonly (readonly number[])[]) => {
    const each = (scores[0] ?? []).map((_, i) => mean(scores.map((run) => run[i] ?? NaN)))
    return each.length === 0 ? '' : interval(bootstrapInterval(each, mean, { resamples }))
  }
  const scoresOf = (answers: CurveRecord['base']['answers']) => answers.map(({ rougeL }) => rougeL)
  const written = sizesOf(record).map((size) => {
    const runs = record.points.filter((point) => point.size === size && point.answers.length > 0)
    return { size, runs: runs.map(({ answers }) => scoresOf(answers)) }
  })
  const rows = written.filter(({ runs }) => runs.length > 0)
  return markdownTable(
    ['pairs', 'runs', 'ROUGE-L'],
    [
      ['0', '', figure([scoresOf(record.base.answers)])],
      ...rows.map(({ size, runs }) => [count(size), String(runs.length), figure(runs)]),
    ],
  )
}

/** The value of each run on all of the measured diseases. */
export function runValues(record: CurveRecord, which: Measurement, isCounted?: (qtype: string) => boolean) {
  const { diseases, measure } = measuring(record, which, isCounted)
  return measure(new Float64Array(diseases).fill(1)).runs
}

/** Bits per byte of the base. */
export function baseValue(record: CurveRecord, isCounted?: (qtype: string) => boolean): number {
  const { diseases, measure } = measuring(record, 'best', isCounted)
  return measure(new Float64Array(diseases).fill(1)).base
}

/** The sizes that were measured, ascending. */
export function sizesOf({ points }: CurveRecord): number[] {
  return [...new Set(points.map(({ size }) => size))].sort((a, b) => a - b)
}

/** The smallest, every second one between, and the largest. */
function someSizes(record: CurveRecord): number[] {
  const sizes = sizesOf(record)
  return sizes.filter((_, i) => i === sizes.length - 1 || (i % 2 === 0 && i < sizes.length - 2))
}

/** Bits per byte of a size's runs less those of the base, with an interval over diseases. */
export function changeAt({ points, questions, base }: CurveRecord, size: number, which: Measurement): Interval {
  const runs = points.filter((point) => point.size === size)
  const units = new Map<string, { nats: number; bytes: number }>()
  for (const [i, { disease, bytes }] of questions.entries()) {
    const unit = units.get(disease) ?? { nats: 0, bytes: 0 }
    const change = mean(runs.map(({ nats }) => nats[which][i] ?? NaN)) - (base.nats[i] ?? NaN)
    units.set(disease, { nats: unit.nats + change, bytes: unit.bytes + bytes })
  }
  const bitsPerByte = (drawn: readonly { nats: number; bytes: number }[]) => {
    return mean(drawn.map(({ nats }) => nats)) / (mean(drawn.map(({ bytes }) => bytes)) * Math.LN2)
  }
  return bootstrapInterval([...units.values()], bitsPerByte, { resamples })
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** `0.823 (0.801 to 0.846)`. */
function interval(given: Interval | Band | null): string {
  if (given === null) return ''
  const { value, low, high } = given
  return low === null || high === null
    ? value.toFixed(3)
    : `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
}

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return least === most ? count(least) : `${count(least)} to ${count(most)}`
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`
