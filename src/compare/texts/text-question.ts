import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'

/** A question that is answered by a text. */
export interface TextQuestion {
  /** Its name, to be found again by. Default: its place among the others. */
  readonly id?: string
  readonly question: string
  /** A good answer. */
  readonly reference: string
  /** What it is about, such as its disease: intervals are over whole groups. Default: each question by itself. */
  readonly group?: string
  /** What an answer may rest on, for `checkAnswers`. Default: the question and the reference. */
  readonly source?: string
}

/** @throws MedAwareError `config` naming the row, for one that is none, and for no question or two of one id. */
export function readTextQuestions(who: string, rows: unknown): readonly Required<TextQuestion>[] {
  check(Array.isArray(rows) && rows.length > 0, 'config', () => {
    return `${who}: questions must be a list of at least 1, got ${show(rows)}`
  })
  const read = Array.from(rows, (row: unknown, i) => readRow(`${who}: questions[${i}]`, row, String(i)))
  const seen = new Set<string>()
  for (const { id } of read) {
    check(!seen.has(id), 'config', () => `${who}: two questions have the id ${show(id)}; give each its own`)
    seen.add(id)
  }
  return read
}

function readRow(at: string, row: unknown, place: string): Required<TextQuestion> {
  check(typeof row === 'object' && row !== null, 'config', () => {
    return `${at} must be { question, reference }, got ${show(row)}`
  })
  const { question, reference, id, group, source } = row as Readonly<Record<string, unknown>>
  const texts = { id: id ?? place, question, reference, group: group ?? place }
  for (const [name, value] of Object.entries({ ...texts, source: source ?? '' })) {
    check(typeof value === 'string', 'config', () => `${at}: ${name} must be a text, got ${show(value)}`)
  }
  const known = texts as Omit<Required<TextQuestion>, 'source'>
  const usual = `${known.question}\n${known.reference}`
  return { ...known, source: typeof source === 'string' ? source : usual }
}
