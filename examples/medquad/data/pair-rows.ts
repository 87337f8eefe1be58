import Papa from 'papaparse'
import { DataError, reason } from './data-error.ts'

/** A row of a file of pairs by its columns, and what to call it in an error: `Line 3`, `Row 2`. */
export interface PairRow {
  readonly fields: Readonly<Record<string, unknown>>
  readonly where: string
}

/** The same, and its line. */
export interface LinedRow extends PairRow {
  /** Of the file, from 1, where the row begins. */
  readonly line: number
}

/** A row that cannot be read. */
export interface BadRow {
  readonly line: number
  /** What stands there, at most its beginning. */
  readonly text: string
  readonly error: DataError
}

/** Columns that a row may have, by layouts; the first layout whose columns are all there is meant. */
export type Layouts = readonly (readonly string[])[]

const questionAndAnswer: Layouts = [['question', 'answer']]

/**
 * The rows of JSON Lines (an object a line) or of CSV, TSV or the like: a header names the columns, in any case and
 * order, and a column of row numbers without a name, as pandas and R write it, is passed over.
 * @throws DataError `format`, naming the line or row.
 */
export function readRows(text: string): PairRow[] {
  return Array.from(eachRow(text), (row) => {
    if ('error' in row) throw row.error
    return row
  })
}

/**
 * The same one by one, and rows that cannot be read among them.
 * @param layouts Of which a header must have one. Default: `question` and `answer`.
 * @throws DataError `format` for a header without such columns, and for a quote that is not closed.
 */
export function eachRow(text: string, layouts: Layouts = questionAndAnswer): Generator<LinedRow | BadRow> {
  const plain = text.replace(/^\ufeff/, '')
  return /^\s*[[{]/.test(plain) ? jsonRows(plain) : csvRows(plain, layouts)
}

/** A column that must be a text, none of whose characters was lost on the way. @throws DataError `format`. */
export function textOf({ fields, where }: PairRow, name: string): string {
  const value = fields[name]
  if (typeof value === 'string') {
    if (!/[\ufffd\p{Surrogate}]/u.test(value)) return value
    throw new DataError('format', `${where} has U+FFFD in ${name}: a character was lost there; find the original.`)
  }
  if (value !== undefined) throw new DataError('format', `${where} has ${name} that is not a string.`)
  throw new DataError('format', `${where} has no ${name}; it has ${Object.keys(fields).join(', ') || 'nothing'}.`)
}

/** A line ends in LF, CR or both, and nowhere else: U+2028 and U+2029 may stand in a JSON string as they are. */
function* jsonRows(text: string): Generator<LinedRow | BadRow> {
  for (const [i, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() !== '') yield jsonRow(line, i + 1)
  }
}

function jsonRow(text: string, line: number): LinedRow | BadRow {
  const where = `Line ${line}`
  const bad = (sentence: string, cause?: unknown) => ({
    ...{ line, text: text.slice(0, shown) },
    error: new DataError('format', sentence, { cause }),
  })
  try {
    const row: unknown = JSON.parse(text)
    const isObject = typeof row === 'object' && row !== null && !Array.isArray(row)
    if (isObject) return { fields: row as Record<string, unknown>, where, line }
    return bad(`${where} is no JSON object like {"question": "…", "answer": "…"}.`)
  } catch (cause) {
    return bad(`${where} is not JSON (${reason(cause)}). Each line should be one JSON object.`, cause)
  }
}

/** Characters of a row that cannot be read which are kept to be shown. */
const shown = 1000

function* csvRows(text: string, layouts: Layouts): Generator<LinedRow | BadRow> {
  const plain = text.replace(/^[\r\n]+/, '')
  const delimiter = [',', '\t', ';', '|'].find((mark) => hasLayout(headerOf(plain, mark), layouts))
  const { data, errors } = Papa.parse<string[]>(plain, { delimiter: delimiter ?? '' })
  // Empty lines are counted, so the parser does not pass over them.
  let line = 1 + breaksIn(text.slice(0, text.length - plain.length))
  const rows = data.flatMap((cells, index) => {
    const row = { cells, index, line }
    line += 1 + cells.reduce((count, cell) => count + breaksIn(cell), 0)
    return cells.every((cell) => cell.trim() === '') ? [] : [row]
  })
  const [first, ...rest] = rows
  if (first === undefined) return
  const header = first.cells.map(columnName)
  checkHeader(header, layouts)
  const wrong = new Map(errors.filter(({ type }) => type === 'Quotes').map((error) => [error.row ?? 0, error]))
  // R names no column of row numbers, so its header is one shorter than every row.
  const skipped = rest.length > 0 && rest.every(({ cells }) => cells.length === header.length + 1) ? 1 : 0
  for (const [i, { cells, index, line }] of rest.entries()) {
    const where = `Row ${i + 1}`
    const found = cells.length - skipped
    const error = wrong.get(index)
    const few = found < header.length ? 'few' : 'many'
    const problem =
      error?.message ??
      (found === header.length ? null : `Too ${few} fields: expected ${header.length} fields but parsed ${found}`)
    if (problem === null) {
      yield { fields: Object.fromEntries(header.map((name, at) => [name, cells[at + skipped]])), where, line }
      continue
    }
    const sentence = new DataError('format', `${where} under the header: ${problem}.`)
    // All that follows is in the field whose quote is not closed.
    if (error?.code === 'MissingQuotes') throw sentence
    yield { line, text: cells.join(' ').slice(0, shown), error: sentence }
  }
}

/** @throws DataError `format` for a header that has no layout, or a name twice. */
function checkHeader(header: readonly string[], layouts: Layouts): void {
  if (!hasLayout(header, layouts)) {
    const [first = []] = layouts
    const missing = first.filter((name) => !header.includes(name))
    const there = header.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')
    throw new DataError('format', `No column ${missing.join(' and no column ')}; the first line names ${there}.`)
  }
  const twice = header.find((name, at) => name !== '' && header.indexOf(name) < at)
  if (twice !== undefined) throw new DataError('format', `The first line names "${twice.slice(0, 40)}" twice.`)
}

const columnName = (name: string): string => name.trim().toLowerCase()

const breaksIn = (text: string): number => text.match(/\r\n|\n|\r/g)?.length ?? 0

const hasLayout = (header: readonly string[], layouts: Layouts): boolean =>
  layouts.some((names) => names.every((name) => header.includes(name)))

const headerOf = (text: string, delimiter: string): string[] =>
  (Papa.parse<string[]>(text, { delimiter, preview: 1 }).data[0] ?? []).map(columnName)
