import { DataError } from '../medquad/data/data-error.ts'
import { decodeText } from '../medquad/data/decode-text.ts'
import { readRows, textOf } from '../medquad/data/pair-rows.ts'

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
 * Reads questions and answers from JSON Lines (each line an object with `question` and `answer`) or from CSV, TSV or
 * the like (a header that names both columns, in any case). Other fields are ignored. Throws `DataError` `format`,
 * naming the line or row, or the first byte that is no text; or `not-found` where there is no pair.
 */
export function readPairs(data: string | Uint8Array): Pairs {
  const rows = readRows(typeof data === 'string' ? data : decodeText(data))
  const trimmed = rows.map((row) => ({
    question: textOf(row, 'question').trim(),
    answer: textOf(row, 'answer').trim(),
  }))
  const pairs = trimmed.filter(({ question, answer }) => question !== '' && answer !== '')
  if (pairs.length === 0) {
    const what = rows.length === 0 ? 'There is no line' : `None of ${rows.length} rows has a question and an answer`
    throw new DataError('not-found', `${what}. Give JSON Lines or CSV with question and answer.`)
  }
  return { pairs, leftOut: rows.length - pairs.length }
}
