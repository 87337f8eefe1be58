import { check, MedAwareError } from '../core/errors.ts'
import { show, showNames } from '../core/show.ts'
import { isConversation, type Message, readMessages } from './chat/message.ts'
import type { Row } from './dataset.ts'
import type { TokenizedRow } from './tokenized-row.ts'

/** What a row says, once its columns are known. */
export type Content =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'pair'; readonly prompt: string; readonly completion: string }
  | ({ readonly type: 'tokens' } & TokenizedRow)
  | { readonly type: 'chat'; readonly prompt: readonly Message[] | null; readonly messages: readonly Message[] }

/** What else a layout may look at. */
interface Context {
  readonly row: Row
  /** Whether the tokenizer knows how to write messages. */
  readonly hasTemplate: boolean
}

/** One way to lay out a row. */
interface Layout {
  /** The columns that it needs, by the names that TRL gives them. */
  readonly columns: readonly string[]
  /** @param at Begins an error about a column. */
  read(values: readonly unknown[], at: (column: string) => string, context: Context): Content
}

/** The layouts that are known; the first whose columns are all there is a row's. */
const layouts: readonly Layout[] = [
  {
    columns: ['input_ids'],
    read: ([ids], at, { row }) => {
      const inputIds = idsOf(ids, at('input_ids'))
      const given = row['labels'] ?? null
      return { type: 'tokens', inputIds, labels: given === null ? inputIds.slice() : idsOf(given, at('labels')) }
    },
  },
  {
    columns: ['prompt', 'completion'],
    read: ([prompt, completion], at) => {
      if (isConversation(prompt)) {
        const messages = readMessages(at('completion'), completion)
        return { type: 'chat', prompt: readMessages(at('prompt'), prompt), messages }
      }
      return { type: 'pair', prompt: textOf(prompt, at('prompt')), completion: textOf(completion, at('completion')) }
    },
  },
  {
    columns: ['messages'],
    read: ([messages], at) => ({ type: 'chat', prompt: null, messages: readMessages(at('messages'), messages) }),
  },
  {
    columns: ['conversations'],
    read: ([turns], at) => {
      const messages = Array.isArray(turns) ? turns.map(withRole) : turns
      return { type: 'chat', prompt: null, messages: readMessages(at('conversations'), messages) }
    },
  },
  { columns: ['text'], read: ([text], at) => ({ type: 'text', text: textOf(text, at('text')) }) },
  {
    columns: ['question', 'answer'],
    read: ([question, answer], at, { hasTemplate }) => {
      const [asked, answered] = [textOf(question, at('question')), textOf(answer, at('answer'))]
      if (!hasTemplate) return { type: 'pair', prompt: `Question: ${asked}\nAnswer:`, completion: ` ${answered}` }
      const [user, assistant] = [
        { role: 'user', content: asked },
        { role: 'assistant', content: answered },
      ]
      return { type: 'chat', prompt: [user], messages: [assistant] }
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

/** A turn of ShareGPT's, `{ from, value }`, as a message (TRL 1.16, maybe_convert_to_chatml). */
function withRole(turn: unknown): unknown {
  if (typeof turn !== 'object' || turn === null) return turn
  const { from, value, ...rest } = turn as { readonly from?: unknown; readonly value?: unknown }
  return { ...rest, ...(from !== undefined && { role: from }), ...(value !== undefined && { content: value }) }
}

/**
 * The reader for rows that look like this one.
 * @param hasTemplate Whether the tokenizer has a chat template: questions and answers are turns of a conversation then.
 * @throws MedAwareError `config` when no layout fits: it lists the columns that there are.
 */
export function readerFor(
  who: string,
  row: Row,
  { columns, datasetTextField }: ColumnNames,
  hasTemplate: boolean,
): ColumnReader {
  const own = (name: string) => columns[name] ?? (name === 'text' ? datasetTextField : name)
  const mapped = Object.keys(columns)
  const layout = layouts.find((each) => {
    return (
      each.columns.every((name) => Object.hasOwn(row, own(name))) && mapped.every((name) => each.columns.includes(name))
    )
  })
  if (layout === undefined) throw noLayout(who, row, columns)
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

function noLayout(who: string, row: Row, columns: Readonly<Record<string, string>>): MedAwareError {
  const absent = Object.values(columns).filter((name) => !Object.hasOwn(row, name))
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

/** Ids of tokens, or labels. @throws MedAwareError `config` for what are no whole numbers of 32 bits. */
function idsOf(value: unknown, at: string): Int32Array {
  const isList = Array.isArray(value) || ArrayBuffer.isView(value)
  const ids = isList ? Array.from(value as ArrayLike<number | bigint>, Number) : []
  check(isList && ids.every((id) => id === (id | 0)), 'config', () => {
    return `${at} must be a list of ids of tokens, got ${show(value)}`
  })
  return Int32Array.from(ids)
}
