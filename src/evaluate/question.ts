import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'

/** A multiple-choice question, as a line of JSON has it. */
export interface Question {
  /** Its name, to be found again by. Default: its place among the others. */
  readonly id?: string
  readonly question: string
  /** What it is about, such as an abstract. */
  readonly context?: string
  readonly options: readonly string[]
  /** The right option, counted from 0. */
  readonly answer: number
}

/**
 * Checks what a caller gives as questions; what else a row holds is passed over.
 * @throws MedAwareError `config` naming the row, for one that is none, and for two of one id.
 */
export function readQuestions(who: string, what: string, rows: unknown): Question[] {
  check(Array.isArray(rows), 'config', () => `${who}: ${what} must be a list of questions, got ${show(rows)}`)
  const questions = Array.from(rows, (row: unknown, i) => readQuestion(`${who}: ${what}[${i}]`, row, String(i)))
  const seen = new Set<string>()
  for (const { id = '' } of questions) {
    check(!seen.has(id), 'config', () => `${who}: two of ${what} have the id ${show(id)}; give each its own`)
    seen.add(id)
  }
  return questions
}

function readQuestion(at: string, row: unknown, place: string): Question {
  check(typeof row === 'object' && row !== null, 'config', () => {
    return `${at} must be { question, options, answer }, got ${show(row)}`
  })
  const { id = place, question, context, options, answer } = row as Readonly<Record<string, unknown>>
  check(typeof id === 'string' || typeof id === 'number', 'config', () => `${at}: id must be a text, got ${show(id)}`)
  check(typeof question === 'string', 'config', () => `${at}: question must be a text, got ${show(question)}`)
  const isText = context === undefined || context === null || typeof context === 'string'
  check(isText, 'config', () => `${at}: context must be a text, got ${show(context)}`)
  const isList = Array.isArray(options) && options.length > 1 && options.every((each) => typeof each === 'string')
  check(isList, 'config', () => `${at}: options must be a list of at least 2 texts, got ${show(options)}`)
  const texts = options as readonly string[]
  const isPlace = Number.isInteger(answer) && Number(answer) >= 0 && Number(answer) < texts.length
  check(isPlace, 'config', () => {
    return `${at}: answer must be the place of the right option, from 0 to ${texts.length - 1}, got ${show(answer)}`
  })
  const about = typeof context === 'string' ? { context } : {}
  return { id: String(id), question, ...about, options: texts, answer: Number(answer) }
}
