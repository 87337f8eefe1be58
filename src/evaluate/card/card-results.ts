import { check } from '../../core/errors.ts'
import { listOf, type OptionRules, readOptions, recordOf, type Rule, table, text, that } from '../../core/options.ts'
import type { CardFigure, CardResult } from '../../peft/card/card-content.ts'
import type { AnswersCheck } from '../check/check-answers.ts'
import type { LossByGroup } from '../loss-by-group.ts'
import { compareAccuracy } from '../scores/compare-accuracy.ts'
import type { EvaluationReport } from '../scores/report.ts'
import type { RougeFigures } from '../text/rouge.ts'

/** A report of the model with its adapter, and the same of what it is to be held against. */
export interface Measured<T> {
  readonly report: T
  /** By name, such as 'base without adapter' and 'constant answer', on the same questions. Default none. */
  readonly baselines?: Readonly<Record<string, T>>
  /** What was asked of the model. Default: the task's name, or what the measure is of. */
  readonly task?: string
  /** A data set's name on the Hub, or in words. Default: the task. */
  readonly dataset?: string
  /** Which part of it: 'test'. Default: not stated. */
  readonly split?: string
  /** What else there is to say, in a sentence. Default nothing. */
  readonly note?: string
}

/** Reports that a card is to have. */
export interface CardReports {
  /** Of `evaluate`. The best constant answer, chance and published human scores are put beside them. */
  readonly evaluations?: readonly Measured<EvaluationReport>[]
  /** Of `lossByGroup`. */
  readonly losses?: readonly Measured<LossByGroup>[]
  /** Of `rouge`. */
  readonly rouge?: readonly Measured<MeasuredRouge>[]
  /** Of `checkAnswers`. */
  readonly answers?: readonly Measured<AnswersCheck>[]
}

/** Some kinds of ROUGE, as `rouge` reports them. */
export interface MeasuredRouge {
  readonly figures: Readonly<Partial<Record<string, RougeFigures>>>
  readonly scores: readonly unknown[]
}

function measuredRule<T extends object>(expects: string, key: keyof T & string): Rule<Measured<T>> {
  const report = that(expects, (value): value is T => typeof value === 'object' && value !== null && key in value)
  return table<Measured<T>>({
    ...{ report, baselines: recordOf(report) },
    ...{ task: text, dataset: text, split: text, note: text },
  })
}

const rules: OptionRules<CardReports> = {
  evaluations: listOf(measuredRule('a report, as evaluate gives', 'acc')),
  losses: listOf(measuredRule('a report, as lossByGroup gives', 'loss')),
  rouge: listOf(measuredRule('a report, as rouge gives', 'figures')),
  answers: listOf(measuredRule('a report, as checkAnswers gives', 'flagged')),
}

/**
 * What was measured, for a model card: `saveAdapter(adapter, folder, { results: cardResults({ evaluations: [{ report,
 * baselines: { 'base without adapter': before } }] }) })`. A report of another model is compared by McNemar's test.
 * @throws MedAwareError `config` for senseless options, and for reports of other questions.
 */
export function cardResults(reports: CardReports): CardResult[] {
  const { evaluations = [], losses = [], rouge = [], answers = [] } = readOptions('cardResults', reports, rules)
  return [
    ...evaluations.flatMap(accuracyOf),
    ...losses.flatMap(lossOf),
    ...rouge.flatMap(rougeOf),
    ...answers.flatMap(flagsOf),
  ]
}

function accuracyOf(measured: Measured<EvaluationReport>): CardResult[] {
  const { report, baselines = {}, note } = measured
  const { task, numFewshot, n, acc, macroF1, baselines: own } = report
  const { constant, chance, humans } = own
  const named = { ...measured, task: measured.task ?? task }
  const tests = Object.entries(baselines).map(([name, other]) => {
    const { onlyFirst, onlySecond, pValue } = compareAccuracy(other, report)
    return `against ${name} ${onlySecond} answers became right and ${onlyFirst} wrong, McNemar's test p = ${pValue.toPrecision(2)}`
  })
  const shown = numFewshot === 1 ? '1 example shown' : `${numFewshot} examples shown`
  const constantName = 'best constant answer'
  const accuracies = {
    ...mapped(baselines, (other) => other.acc),
    [constantName]: { ...constant, value: constant.acc },
  }
  const people = humans.map(({ who, acc: value }) => [who, { value }] as const)
  const result: CardResult = {
    ...of(named, 'accuracy', acc, { ...accuracies, chance: { value: chance }, ...Object.fromEntries(people) }),
    ...{ n, note: [shown, ...tests, ...(note === undefined ? [] : [note])].join('; ') },
  }
  if (macroF1 === null) return [result]
  const f1 = mapped(baselines, (other) => ({ value: other.macroF1 ?? NaN }))
  const constantF1 = constant.macroF1 === null ? {} : { [constantName]: { value: constant.macroF1 } }
  return [result, { ...of(named, 'macro F1', { value: macroF1 }, { ...f1, ...constantF1 }), n }]
}

function lossOf(measured: Measured<LossByGroup>): CardResult[] {
  const { report, baselines = {} } = measured
  for (const [name, other] of Object.entries(baselines)) {
    check(other.tokens === report.tokens, 'config', () => {
      return `cardResults: the loss of ${name} is of ${other.tokens} tokens, and the report of ${report.tokens}; measure both on the same examples`
    })
  }
  const named = { ...measured, task: measured.task ?? 'language modelling' }
  const loss = of(
    named,
    'loss, nats a token',
    report.loss,
    mapped(baselines, (other) => other.loss),
  )
  if (report.bitsPerByte === null) return [{ ...loss, n: report.examples }]
  const bits = mapped(baselines, (other) => other.bitsPerByte ?? { value: NaN })
  return [loss, of(named, 'bits per byte', report.bitsPerByte, bits)].map((each) => ({ ...each, n: report.examples }))
}

function rougeOf(measured: Measured<MeasuredRouge>): CardResult[] {
  const { report, baselines = {} } = measured
  const named = { ...measured, task: measured.task ?? 'free answers' }
  return Object.entries(report.figures).flatMap(([kind, figures]) => {
    if (figures === undefined) return []
    const others = mapped(baselines, (other) => other.figures[kind]?.fmeasure ?? { value: NaN })
    return [{ ...of(named, `${kind}, F-measure`, figures.fmeasure, others), n: report.scores.length }]
  })
}

function flagsOf(measured: Measured<AnswersCheck>): CardResult[] {
  const { report, baselines = {} } = measured
  const named = { ...measured, task: measured.task ?? 'free answers' }
  const others = mapped(baselines, (other) => other.flagged)
  return [
    {
      ...of(named, 'share of answers that say what their source does not', report.flagged, others),
      n: report.flags.length,
    },
  ]
}

function of(
  { task = '', dataset, split, note }: Omit<Measured<unknown>, 'report' | 'baselines'>,
  metric: string,
  { value, low = null, high = null }: CardFigure,
  others: Readonly<Record<string, CardFigure>>,
): CardResult {
  const known = Object.entries(others).filter(([, other]) => Number.isFinite(other.value))
  const baselines = Object.fromEntries(
    known.map(([name, { value, low = null, high = null }]) => [name, { value, low, high }]),
  )
  return {
    ...{ task, metric, figure: { value, low, high } },
    ...(known.length > 0 && { baselines }),
    ...(dataset !== undefined && { dataset }),
    ...(split !== undefined && { split }),
    ...(note !== undefined && { note }),
  }
}

function mapped<T>(
  record: Readonly<Record<string, T>>,
  figure: (item: T) => CardFigure,
): Readonly<Record<string, CardFigure>> {
  return Object.fromEntries(Object.entries(record).map(([name, item]) => [name, figure(item)]))
}
