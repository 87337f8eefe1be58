import {
  type BootstrapOptions,
  checkAnswers,
  corpusBleu,
  type Interval,
  rouge,
  selfAgreement,
  textFigures,
} from 'peft-medaware'
import type { NameLists } from './name-lists.ts'

/** A question with its reference and what was answered, once by each seed. */
export interface Answered {
  readonly question: string
  readonly disease: string
  readonly reference: string
  readonly answers: readonly string[]
}

/** Figures of answers by name, with intervals over diseases; all seeds count alike. */
export function describeTexts(answered: readonly Answered[], names: NameLists, options: BootstrapOptions) {
  const each = answered.flatMap(({ answers, ...rest }) => answers.map((answer) => ({ ...rest, answer })))
  const texts = each.map(({ answer }) => answer)
  const references = each.map(({ reference }) => reference)
  const over = { ...options, groups: each.map(({ disease }) => disease) }
  const { figures } = rouge(texts, references, over)
  const bleu = corpusBleu(texts, references, over)
  const { words, distinct2, repeated4 } = textFigures(texts, over)
  // What an answer may say is in its question as well.
  const sources = each.map(({ question, reference }) => `${question}\n${reference}`)
  const { flagged, flagsPerAnswer } = checkAnswers(texts, sources, { ...over, ...names })
  const isRepeated = (answered[0]?.answers.length ?? 0) > 1
  const agreement = isRepeated
    ? selfAgreement(
        answered.map(({ answers }) => answers),
        { ...options, groups: answered.map(({ disease }) => disease) },
      )
    : null
  const rows: Record<string, Interval> = {
    ...{ 'ROUGE-1': figures.rouge1.fmeasure, 'ROUGE-2': figures.rouge2.fmeasure, 'ROUGE-L': figures.rougeL.fmeasure },
    ...{ BLEU: bleu.interval, words, 'distinct-2': distinct2, 'repeated 4-grams': repeated4 },
    ...{ 'answers with a flag': flagged },
    ...Object.fromEntries(Object.entries(flagsPerAnswer).map(([kind, flags]) => [`flags: ${kind}`, flags])),
    ...(agreement !== null && {
      'self-agreement': agreement.agreement,
      ...{ uniqueness: agreement.uniqueness, 'same pairs': agreement.samePairs, 'ROUGE-L of seeds': agreement.rougeL },
    }),
  }
  return { rows, signature: bleu.signature }
}

/** As a table of Markdown, a column for each model. */
export function textsTable(columns: readonly (readonly [string, Readonly<Record<string, Interval>>])[]): string {
  const places = (name: string, value: number) => value.toFixed(name === 'words' || name === 'BLEU' ? 1 : 3)
  const cell = (name: string, interval: Interval | undefined) => {
    if (interval === undefined) return ''
    const { value, low, high } = interval
    const range = low === null || high === null ? '' : ` (${places(name, low)} to ${places(name, high)})`
    return `${places(name, value)}${range}`
  }
  const names = Object.keys(columns[0]?.[1] ?? {})
  return [
    `| figure | ${columns.map(([name]) => name).join(' | ')} |`,
    `| --- | ${columns.map(() => '---').join(' | ')} |`,
    ...names.map((name) => `| ${name} | ${columns.map(([, rows]) => cell(name, rows[name])).join(' | ')} |`),
  ].join('\n')
}
