import { check, MedAwareError } from '../core/errors.ts'
import { show, showNames } from '../core/show.ts'
import type { Row } from './dataset.ts'

/** What else a layout may look at. */
export interface LayoutContext {
  readonly row: Row
  /** Whether the tokenizer knows how to write messages. */
  readonly hasTemplate: boolean
}

/** One way to lay out a row. */
export interface Layout<C> {
  /** The columns that it needs, by the names that TRL gives them. */
  readonly columns: readonly string[]
  /** @param at Begins an error about a column. */
  read(values: readonly unknown[], at: (column: string) => string, context: LayoutContext): C
}

/** Reads rows of one layout. */
export interface ColumnReader<C> {
  /** Whether prompts are told apart from what is to be learned. */
  readonly hasPrompts: boolean
  /** @throws MedAwareError `config` where a column is missing or of another type; it names the row. */
  read(row: Row, index: number): C
}

/** What a data set calls its columns. */
export interface ColumnNames {
  /** Its names, by TRL's: `{ prompt: 'frage', completion: 'antwort' }`. They say which layout is meant. */
  readonly columns: Readonly<Record<string, string>>
  /** The column of plain texts, where `columns` does not name it. */
  readonly datasetTextField: string
}

/**
 * The reader for rows that look like this one: of the first layout whose columns are all there.
 * @param hasTemplate Whether the tokenizer has a chat template: questions and answers are turns of a conversation then.
 * @throws MedAwareError `config` when no layout fits: it lists the columns that there are.
 */
export function readerFor<C>(
  layouts: readonly Layout<C>[],
  who: string,
  row: Row,
  { columns, datasetTextField }: ColumnNames,
  hasTemplate: boolean,
): ColumnReader<C> {
  const own = (name: string) => columns[name] ?? (name === 'text' ? datasetTextField : name)
  const mapped = Object.keys(columns)
  const layout = layouts.find((each) => {
    return (
      each.columns.every((name) => Object.hasOwn(row, own(name))) && mapped.every((name) => each.columns.includes(name))
    )
  })
  if (layout === undefined) throw noLayout(layouts, who, row, columns)
  return {
    hasPrompts: layout.columns.length > 1,
    read: (each, index) => {
      const at = (name: string) => `${who}: row ${index}: column ${show(own(name))}`
      const values = layout.columns.map((name) => {
        check(Object.hasOwn(each, own(name)), 'config', () => `${at(name)} is missing; the row has ${names(each)}`)
        return each[own(name)]
      })
      return layout.read(values, at, { row: each, hasTemplate })
    },
  }
}

function noLayout(
  layouts: readonly Layout<unknown>[],
  who: string,
  row: Row,
  columns: Readonly<Record<string, string>>,
): MedAwareError {
  const absent = Object.values(columns).filter((name) => !Object.hasOwn(row, name))
  if (absent.length > 0) {
    return new MedAwareError('config', `${who}: there is no column ${showNames(absent)}; row 0 has ${names(row)}`)
  }
  const known = layouts.map((layout) => layout.columns.join(' and ')).join(', or ')
  return new MedAwareError(
    'config',
    `${who}: row 0 has the columns ${names(row)}; wanted are ${known}; say which is which, such as ` +
      "columns: { prompt: 'question' }",
  )
}

function names(row: Row): string {
  const all = Object.keys(row)
  return all.length === 0 ? 'none' : showNames(all)
}

/** @throws MedAwareError `config` for names that no layout has a column of. */
export function checkColumns(
  layouts: readonly Layout<unknown>[],
  who: string,
  columns: Readonly<Record<string, string>>,
): void {
  const known = [...new Set(layouts.flatMap((layout) => layout.columns))]
  for (const name of Object.keys(columns)) {
    check(known.includes(name), 'config', () => {
      return `${who}: columns: there is no ${name}; those that can be named are ${showNames(known)}`
    })
  }
}

/** A column's text. @throws MedAwareError `config`. */
export function textOf(value: unknown, at: string): string {
  check(typeof value === 'string', 'config', () => `${at} must be a text, got ${show(value)}`)
  return value
}
