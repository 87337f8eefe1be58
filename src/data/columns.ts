import { check, MedAwareError } from '../core/errors.ts'
import { show, showNames } from '../core/show.ts'
import type { Row } from './dataset.ts'

/** What a row says, once its columns are known. */
export type Content =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'pair'; readonly prompt: string; readonly completion: string }

/** One way to lay out a row. */
interface Layout {
  /** The columns that it needs, by the names that TRL gives them. */
  readonly columns: readonly string[]
  /** @param values Of those columns. @param at Begins an error, such as `prepareExamples: row 3`. */
  read(values: readonly unknown[], at: (column: string) => string): Content
}

/** The layouts that are known; the first whose columns are all there is a row's. */
const layouts: readonly Layout[] = [
  {
    columns: ['prompt', 'completion'],
    read: ([prompt, completion], at) => {
      return { type: 'pair', prompt: textOf(prompt, at('prompt')), completion: textOf(completion, at('completion')) }
    },
  },
  { columns: ['text'], read: ([text], at) => ({ type: 'text', text: textOf(text, at('text')) }) },
  {
    columns: ['question', 'answer'],
    read: ([question, answer], at) => {
      const [asked, answered] = [textOf(question, at('question')), textOf(answer, at('answer'))]
      return { type: 'pair', prompt: `Question: ${asked}\nAnswer:`, completion: ` ${answered}` }
    },
  },
]

/** Names of columns that a mapping may give a data set's own for. */
export const columnNames: readonly string[] = [...new Set(layouts.flatMap(({ columns }) => columns))]

/** Reads rows of one layout. */
export interface ColumnReader {
  /** Whether prompts are told apart from what is to be learned. */
  readonly hasPrompts: boolean
  /** @throws MedAwareError `config` where a column is missing or of another type; it names the row. */
  read(row: Row, index: number): Content
}

/** What a data set calls its columns. */
export interface ColumnNames {
  /** Its names, by TRL's: `{ prompt: 'frage', completion: 'antwort' }`. They say which layout is meant. */
  readonly columns: Readonly<Record<string, string>>
  /** The column of plain texts, where `columns` does not name it. */
  readonly datasetTextField: string
}

/**
 * The reader for rows that look like this one.
 * @throws MedAwareError `config` when no layout fits: it lists the columns that there are.
 */
export function readerFor(who: string, row: Row, { columns, datasetTextField }: ColumnNames): ColumnReader {
  const own = (name: string) => columns[name] ?? (name === 'text' ? datasetTextField : name)
  const mapped = Object.keys(columns)
  const layout = layouts.find((each) => {
    return each.columns.every((name) => own(name) in row) && mapped.every((name) => each.columns.includes(name))
  })
  if (layout === undefined) throw noLayout(who, row, columns)
  return {
    hasPrompts: layout.columns.length > 1,
    read: (each, index) => {
      const at = (name: string) => `${who}: row ${index}: column ${show(own(name))}`
      const values = layout.columns.map((name) => {
        check(own(name) in each, 'config', () => `${at(name)} is missing; the row has ${names(each)}`)
        return each[own(name)]
      })
      return layout.read(values, at)
    },
  }
}

function noLayout(who: string, row: Row, columns: Readonly<Record<string, string>>): MedAwareError {
  const absent = Object.values(columns).filter((name) => !(name in row))
  if (absent.length > 0) {
    return new MedAwareError('config', `${who}: there is no column ${showNames(absent)}; row 0 has ${names(row)}`)
  }
  const known = layouts.map((layout) => layout.columns.join(' and ')).join(', or ')
  return new MedAwareError(
    'config',
    `${who}: row 0 has the columns ${names(row)}; wanted are ${known}; say which is which, such as ` +
      "columns: { prompt: 'question', completion: 'reply' }",
  )
}

function names(row: Row): string {
  const all = Object.keys(row)
  return all.length === 0 ? 'none' : showNames(all)
}

function textOf(value: unknown, at: string): string {
  check(typeof value === 'string', 'config', () => `${at} must be a text, got ${show(value)}`)
  return value
}
