import type { Database, JSValue } from 'node-sqlite3-wasm'
import { MedAwareError } from 'peft-medaware'
import { inTransaction, rowOf, rowsOf } from './open-database.ts'

/**
 * Kinds of lines, in an order in which each names only what stands before it. Rows are named by their keys, since
 * another store has other ids.
 */
const kinds = {
  question: { table: 'questions', columns: { text: 'text', at: 'text' }, links: {} },
  answer: {
    table: 'answers',
    columns: { text: 'text', model: 'text', seed: 'whole', settings: 'text', rating: 'rating', at: 'text' },
    links: { question: 'questions' },
  },
  correction: {
    table: 'corrections',
    columns: { text: 'text', at: 'text' },
    links: { question: 'questions', answer: 'answers' },
  },
  preference: { table: 'preferences', columns: { at: 'text' }, links: { chosen: 'answers', rejected: 'answers' } },
} as const satisfies Readonly<Record<string, Kind>>

interface Kind {
  readonly table: string
  readonly columns: Readonly<Record<string, 'text' | 'whole' | 'rating'>>
  /** Columns that name a row of another table. */
  readonly links: Readonly<Record<string, string>>
}

const tableOf: Readonly<Record<string, Kind>> = kinds

/** All feedback as JSON, a line for each row: `{ "kind", "key", … }`. */
export function exportLines(database: Database): string[] {
  return Object.entries(tableOf).flatMap(([kind, { table, columns, links }]) => {
    const linked = Object.entries(links).map(([name, other]) => {
      return `(SELECT key FROM ${other} WHERE id = ${table}.${name}) AS ${name}`
    })
    const rows = rowsOf(
      database,
      `SELECT ${['key', ...Object.keys(columns), ...linked].join(', ')} FROM ${table} ORDER BY id`,
    )
    return rows.map((row) => JSON.stringify({ kind, ...row }))
  })
}

/**
 * Takes in lines of `exportLines`, all or none; rows that are there already, and questions of the same text, stay as
 * they are.
 * @returns Rows that were added. @throws MedAwareError `format`, with the line.
 */
export function importLines(database: Database, lines: readonly string[]): number {
  return inTransaction(database, () => {
    // A question may be here under another key.
    const keys = new Map<string, string>()
    return lines.reduce((added, line, i) => {
      return line.trim() === '' ? added : added + importLine(database, readLine(line, i + 1), keys, i + 1)
    }, 0)
  })
}

type Line = Readonly<Record<string, unknown>>

function importLine(database: Database, line: Line, keys: Map<string, string>, at: number): number {
  const kind =
    typeof line['kind'] === 'string' && Object.hasOwn(tableOf, line['kind']) ? tableOf[line['kind']] : undefined
  if (kind === undefined) throw refused(at, `kind must be ${Object.keys(kinds).join(', ')}`)
  const { table, columns, links } = kind
  const key = line['key']
  if (typeof key !== 'string' || key === '') throw refused(at, 'key must be a text')
  const names = ['key', ...Object.keys(columns), ...Object.keys(links)]
  const values: JSValue[] = [
    key,
    ...Object.entries(columns).map(([name, type]) => valueOf(name, type, line[name], at)),
    ...Object.entries(links).map(([name, other]) => idOf(database, { name, other, key: line[name], at }, keys)),
  ]
  if (table === 'questions') {
    const there = rowOf(database, 'SELECT key FROM questions WHERE text = ?', values[1] ?? null)
    if (there !== null) {
      keys.set(key, String(there['key']))
      return 0
    }
  }
  const marks = names.map(() => '?').join(', ')
  return database.run(`INSERT OR IGNORE INTO ${table} (${names.join(', ')}) VALUES (${marks})`, values).changes
}

function readLine(text: string, at: number): Line {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Line
  } catch {
    // Said below.
  }
  throw refused(at, 'it is no object of JSON')
}

/** `settings` is JSON in a text, in the file as in the table. */
function valueOf(name: string, type: 'text' | 'whole' | 'rating', value: unknown, at: number): JSValue {
  if (type === 'rating' && (value === null || value === 1 || value === -1)) return value
  if (type === 'whole' && Number.isSafeInteger(value)) return Number(value)
  if (type === 'text' && typeof value === 'string' && value.length <= 20_000) return value
  throw refused(
    at,
    `${name} must be ${type === 'rating' ? '1, -1 or null' : type === 'whole' ? 'a whole number' : 'a text'}`,
  )
}

function idOf(
  database: Database,
  {
    name,
    other,
    key,
    at,
  }: { readonly name: string; readonly other: string; readonly key: unknown; readonly at: number },
  keys: ReadonlyMap<string, string>,
): JSValue {
  if (key === null && name === 'answer') return null
  const row =
    typeof key === 'string' ? rowOf(database, `SELECT id FROM ${other} WHERE key = ?`, keys.get(key) ?? key) : null
  if (row === null) throw refused(at, `${name} names no row of ${other} before it`)
  return Number(row['id'])
}

function refused(at: number, why: string): MedAwareError {
  return new MedAwareError('format', `import: line ${at}: ${why}; nothing was taken in`)
}
