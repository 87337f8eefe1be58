import Papa from 'papaparse'
import { DataError, reason } from './data-error.ts'

/** A row of a file of pairs by its columns, and what to call it in an error: `Line 3`, `Row 2`. */
export interface PairRow {
  readonly fields: Readonly<Record<string, unknown>>
  readonly where: string
}

/**
 * The rows of JSON Lines (an object a line) or of CSV, TSV or the like: a header names the columns, in any case and
 * order, and a column of row numbers without a name, as pandas and R write it, is passed over.
 * @throws DataError `format`, naming the line or row.
 */
export function readRows(text: string): PairRow[] {
  const plain = text.replace(/^\ufeff/, '')
  return /^\s*[[{]/.test(plain) ? jsonRows(plain) : csvRows(plain)
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
function jsonRows(text: string): PairRow[] {
  return text.split(/\r\n|\n|\r/).flatMap((line, i) => {
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
    return [{ fields: row as Record<string, unknown>, where }]
  })
}

function csvRows(text: string): PairRow[] {
  const plain = text.replace(/^[\r\n]+/, '')
  const delimiter = [',', '\t', ';', '|'].find((mark) => hasPair(headerOf(plain, mark)))
  const { data, errors } = Papa.parse<string[]>(plain, {
    skipEmptyLines: 'greedy',
    delimiter: delimiter ?? '',
  })
  const [first = [], ...rows] = data
  const header = first.map(columnName)
  if (header.length === 0) return []
  const missing = ['question', 'answer'].filter((name) => !header.includes(name))
  if (missing.length > 0) {
    const there = header.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')
    throw new DataError('format', `No column ${missing.join(' and no column ')}; the first line names ${there}.`)
  }
  const twice = header.find((name, at) => name !== '' && header.indexOf(name) < at)
  if (twice !== undefined) throw new DataError('format', `The first line names "${twice.slice(0, 40)}" twice.`)
  const [error] = errors.filter(({ type }) => type !== 'Delimiter')
  if (error) throw new DataError('format', `Row ${error.row ?? 0} under the header: ${error.message}.`)
  // R names no column of row numbers, so its header is one shorter than every row.
  const skipped = rows.length > 0 && rows.every(({ length }) => length === header.length + 1) ? 1 : 0
  return rows.map((cells, i) => {
    const where = `Row ${i + 1}`
    const found = cells.length - skipped
    if (found !== header.length) {
      const few = found < header.length ? 'few' : 'many'
      throw new DataError(
        'format',
        `${where} under the header: Too ${few} fields: expected ${header.length} fields but parsed ${found}.`,
      )
    }
    return { fields: Object.fromEntries(header.map((name, at) => [name, cells[at + skipped]])), where }
  })
}

const columnName = (name: string): string => name.trim().toLowerCase()

const hasPair = (header: readonly string[]): boolean => header.includes('question') && header.includes('answer')

const headerOf = (text: string, delimiter: string): string[] =>
  (Papa.parse<string[]>(text, { delimiter, preview: 1 }).data[0] ?? []).map(columnName)
