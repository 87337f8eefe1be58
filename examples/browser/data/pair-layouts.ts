import { DataError } from '../../medquad/data/data-error.ts'
import { type PairRow, textOf } from '../../medquad/data/pair-rows.ts'
import type { Pair } from '../pairs.ts'

/** What a row says: a pair, whose sides may be empty, or that it is no single question with one answer. */
export type Content = Pair | 'several-turns'

/** One way to lay out a pair. */
interface PairLayout {
  /** Those that it needs. */
  readonly columns: readonly string[]
  /** @throws DataError `format` for a value of another kind. */
  read(row: PairRow): Content
}

/** The layouts that are known, as the library's `prepareExamples` has them, and Alpaca's. */
const layouts: readonly PairLayout[] = [
  { columns: ['question', 'answer'], read: (row) => sides(row, 'question', 'answer') },
  {
    columns: ['prompt', 'completion'],
    read: (row) => {
      const { prompt, completion } = row.fields
      if (!Array.isArray(prompt) || !Array.isArray(completion)) return sides(row, 'prompt', 'completion')
      return pairOfTurns(row, [...(prompt as unknown[]), ...(completion as unknown[])])
    },
  },
  {
    columns: ['instruction', 'output'],
    read: (row) => {
      const { question, answer } = sides(row, 'instruction', 'output')
      const given = Object.hasOwn(row.fields, 'input') ? side(row, 'input') : ''
      return { question: given === '' ? question : `${question}\n\n${given}`, answer }
    },
  },
  { columns: ['messages'], read: (row) => pairOfTurns(row, listOf(row, 'messages')) },
  { columns: ['conversations'], read: (row) => pairOfTurns(row, listOf(row, 'conversations')) },
]

/** The columns of each layout. */
export const knownColumns = layouts.map(({ columns }) => columns)

/** The pair of a row by its columns. @throws DataError `format`, naming the line or row, where it has none. */
export function contentOf(row: PairRow): Content {
  const has = (name: string) => Object.hasOwn(row.fields, name)
  const layout = layouts.find(({ columns }) => columns.every(has))
  if (layout !== undefined) return layout.read(row)
  const begun = layouts.find(({ columns }) => columns.some(has)) ?? layouts[0]
  const missing = begun?.columns.find((name) => !has(name)) ?? 'question'
  textOf(row, missing)
  throw new DataError('format', `${row.where} has no ${missing}.`)
}

function sides(row: PairRow, question: string, answer: string): Pair {
  return { question: side(row, question), answer: side(row, answer) }
}

/** A text of a column; a null, as Parquet has it for what is not there, is an empty one. */
function side(row: PairRow, name: string): string {
  return row.fields[name] === null ? '' : textOf(row, name).trim()
}

function listOf({ fields, where }: PairRow, name: string): readonly unknown[] {
  const value = fields[name]
  if (Array.isArray(value)) return value as unknown[]
  throw new DataError('format', `${where} has ${name} that is no list of messages.`)
}

/** ShareGPT's words for roles. */
const roles: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant' }

/** The pair of a conversation of one question and one answer; what stands before them, such as a system's text, too. */
function pairOfTurns(row: PairRow, turns: readonly unknown[]): Content {
  const read = turns.map((turn) => {
    const fields = (typeof turn === 'object' && turn !== null ? turn : {}) as Readonly<Record<string, unknown>>
    const role = textOf({ fields, where: `${row.where}: a message` }, 'role' in fields ? 'role' : 'from')
    const content = textOf({ fields, where: `${row.where}: a message` }, 'content' in fields ? 'content' : 'value')
    return { role: roles[role] ?? role, content: content.trim() }
  })
  const [user, assistant, ...others] = read
  if (user?.role !== 'user' || assistant?.role !== 'assistant' || others.length > 0) return 'several-turns'
  return { question: user.content, answer: assistant.content }
}
