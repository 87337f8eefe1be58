import Papa from 'papaparse'
import { DataError, reason } from '../medquad/data/data-error.ts'

/** A question and the answer to learn. */
export interface Pair {
  readonly question: string
  readonly answer: string
}

/** The pairs of a text, and how many rows were left out because a side of them is empty. */
export interface Pairs {
  readonly pairs: readonly Pair[]
  readonly leftOut: number
}

/**
 * Reads questions and answers from JSON Lines (each line an object with `question` and `answer`) or from CSV, TSV or the
 * like (a header that names both columns, in any case). Other fields are ignored. Throws `DataError` `format`, naming the
 * line or row, or `not-found` where there is no pair.
 */
export function readPairs(text: string): Pairs {
  const plain = text.replace(/^\ufeff/, '')
  const rows = /^\s*[[{]/.test(plain) ? jsonRows(plain) : csvRows(plain)
  const trimmed = rows.map(({ question, answer }) => ({ question: question.trim(), answer: answer.trim() }))
  const pairs = trimmed.filter(({ question, answer }) => question !== '' && answer !== '')
  if (pairs.length === 0) {
    const what = rows.length === 0 ? 'There is no line' : `None of ${rows.length} rows has a question and an answer`
    throw new DataError('not-found', `${what}. Give JSON Lines or CSV with question and answer.`)
  }
  return { pairs, leftOut: rows.length - pairs.length }
}

function jsonRows(text: string): Pair[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return []
    const where = `Line ${i + 1}`
    let row: unknown
    try {
      row = JSON.parse(line)
    } catch (cause) {
      const remedy = 'Each line should be one JSON object.'
      throw new DataError('format', `${where} is not JSON (${reason(cause)}). ${remedy}`, { cause })
    }
    const isObject = typeof row === 'object' && row !== null && !Array.isArray(row)
    if (!isObject) throw new DataError('format', `${where} is no JSON object like {"question": "…", "answer": "…"}.`)
    return [pairOf(row as Record<string, unknown>, where)]
  })
}

function csvRows(text: string): Pair[] {
  const { data, errors, meta } = Papa.parse<Record<string, unknown>>(text.trimStart(), {
    header: true,
    skipEmptyLines: 'greedy',
    transformHeader: (name) => name.trim().toLowerCase(),
  })
  const columns = meta.fields ?? []
  if (columns.length === 0) return []
  const missing = ['question', 'answer'].filter((name) => !columns.includes(name))
  if (missing.length > 0) {
    const there = columns.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')
    throw new DataError('format', `No column ${missing.join(' and no column ')}; the first line names ${there}.`)
  }
  const [error] = errors.filter(({ type }) => type !== 'Delimiter')
  if (error) throw new DataError('format', `Row ${(error.row ?? 0) + 1} under the header: ${error.message}.`)
  return data.map((row, i) => pairOf(row, `Row ${i + 1}`))
}

function pairOf(row: Readonly<Record<string, unknown>>, where: string): Pair {
  const field = (name: string): string => {
    const value = row[name]
    if (typeof value === 'string') return value
    if (value !== undefined) throw new DataError('format', `${where} has ${name} that is not a string.`)
    throw new DataError('format', `${where} has no ${name}; it has ${Object.keys(row).join(', ') || 'nothing'}.`)
  }
  return { question: field('question'), answer: field('answer') }
}
