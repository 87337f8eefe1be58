import { holm } from 'peft-medaware/compare'
import { bytes } from '../words.ts'
import type { Arm } from './arm.ts'
import { type Experiment, paper } from './arms.ts'
import { bitsPerByte, compareArms, type Comparison, type Estimate, type SeededNats } from './compare-arms.ts'
import { markdownTable } from './data-curve/markdown-table.ts'
import type { ExperimentRecord } from './experiment-record.ts'
import { bestOf } from './find-rates.ts'
import type { ArmRecord } from './run-arm.ts'

/** When a run is measured: all arms after the same steps, or after the same processor time. */
export type Equal = 'steps' | 'time'

/** An arm of an experiment with all that its seeds came to. */
export interface ArmResult {
  readonly arm: Arm
  readonly records: readonly ArmRecord[]
  /** Steps after which it was measured. */
  readonly step: number
  readonly quality: Comparison
  /** Beside the paper's adapter, p-values by Holm over the experiment's arms; null for the adapter itself. */
  readonly beside: (Comparison & { readonly corrected: number | null }) | null
}

/** All arms of an experiment that have a record, each beside the paper's adapter. */
export function resultsOf(record: ExperimentRecord, experiment: Experiment, equal: Equal): readonly ArmResult[] {
  const { questions, experiments, records, steps } = record
  const arms = (experiments[experiment] ?? []).flatMap((name) => {
    const own = records.filter(({ arm }) => arm.name === name)
    const [first] = own
    if (first === undefined) return []
    const { marks } = first.arm
    const step = equal === 'time' ? (marks.find((mark) => mark !== steps) ?? first.arm.steps) : markOf(first.arm, steps)
    return [{ arm: first.arm, records: own, step, runs: runsOf(own, step) }]
  })
  const reference = arms.find(({ arm }) => arm.name === paper)
  const compared = arms.map(({ arm, runs }) => {
    return reference === undefined || arm.name === paper ? null : compareArms(questions, runs, reference.runs)
  })
  const corrected = holm(compared.map((comparison) => comparison?.pValue ?? null))
  return arms.map(({ runs, ...rest }, i) => {
    const own = compared[i] ?? null
    const beside = own === null ? null : { ...own, corrected: corrected[i] ?? null }
    return { ...rest, quality: bitsPerByte(questions, runs), beside }
  })
}

const markOf = ({ steps }: Arm, asked: number): number => Math.min(steps, asked)

function runsOf(records: readonly ArmRecord[], step: number): SeededNats[] {
  return records.flatMap(({ seed, measured }) => {
    const nats = measured.find((each) => each.step === step)?.nats
    return nats === undefined ? [] : [{ seed, nats }]
  })
}

/** What is said of a difference: noise where one as large comes by chance in 5% of experiments or more. */
export function verdictOf({ beside }: ArmResult): string {
  if (beside === null) return ''
  if (beside.corrected === null) return 'one seed'
  if (beside.corrected >= 0.05) return 'noise'
  return beside.difference.value < 0 ? 'better' : 'worse'
}

/** Tables of Markdown by name: `NAME baseline`, `NAME adapters`, `NAME adapters in time`, `NAME bits`, … */
export function experimentTables(name: string, record: ExperimentRecord): Readonly<Record<string, string>> {
  return {
    [`${name} baseline`]: qualityTable(record, 'baseline', 'steps'),
    [`${name} adapters`]: qualityTable(record, 'adapters', 'steps'),
    [`${name} adapters in time`]: qualityTable(record, 'adapters', 'time'),
    [`${name} bits`]: qualityTable(record, 'bits', 'steps'),
    [`${name} cost`]: costTable(record),
    [`${name} rates`]: ratesTable(record),
  }
}

function qualityTable(record: ExperimentRecord, experiment: Experiment, equal: Equal): string {
  const head = ['arm', 'seeds', 'steps', 'bits per byte', `less ${paper}`, 'between seeds', 'p', 'verdict', 'ROUGE-L']
  const rows = resultsOf(record, experiment, equal).map((result) => {
    const { arm, records, step, quality, beside } = result
    const answers = records.flatMap(({ rougeL }) => rougeL)
    // Answers are written after the last step alone.
    const isLast = step === arm.steps && answers.length > 0
    const mean = answers.reduce((sum, value) => sum + value, 0) / answers.length
    return [
      ...[arm.name, `${arm.steps === 0 ? '' : records.length}`, `${step}`, estimate(quality.difference)],
      ...[beside === null ? '' : estimate(beside.difference), beside?.seedDeviation?.toFixed(4) ?? ''],
      ...[beside === null || beside.corrected === null ? '' : probability(beside.corrected), verdictOf(result)],
      isLast ? mean.toFixed(3) : '',
    ]
  })
  return markdownTable(head, rows)
}

function costTable({ timings, parameters }: ExperimentRecord): string {
  const head = ['trained', 'parameters', 'processor seconds a step', 'by the clock', 'device memory']
  const rows = timings.map(({ name, processor, clock, deviceBytes }) => {
    const seconds = [processor, clock].map((value) => value.toFixed(3))
    return [name, parameters[name]?.toLocaleString('en-US') ?? '', ...seconds, bytes(deviceBytes)]
  })
  return markdownTable(head, rows)
}

function ratesTable({ trials }: ExperimentRecord): string {
  const kinds = [...new Set(trials.map(({ kind }) => kind))]
  const rows = kinds.map((kind) => {
    const own = trials.filter((trial) => trial.kind === kind)
    const tried = own.map(({ learningRate, bitsPerByte: loss }) => `${learningRate}: ${loss.toFixed(3)}`)
    return [kind, tried.join(', '), `${bestOf(own).learningRate}`]
  })
  return markdownTable(['trained', 'rates tried: bits per byte of the validation part', 'taken'], rows)
}

function estimate({ value, low, high }: Estimate): string {
  const range = low === null || high === null ? '' : ` (${low.toFixed(3)} to ${high.toFixed(3)})`
  return `${value.toFixed(3)}${range}`
}

const probability = (p: number): string => (p < 0.001 ? '<0.001' : p.toFixed(3))
