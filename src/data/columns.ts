import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import { isConversation, type Message, readMessages } from './chat/message.ts'
import { type Layout, textOf } from './layouts.ts'
import type { TokenizedRow } from './tokenized-row.ts'

/** What a row says, once its columns are known. */
export type Content =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'pair'; readonly prompt: string; readonly completion: string }
  | ({ readonly type: 'tokens' } & TokenizedRow)
  | { readonly type: 'chat'; readonly prompt: readonly Message[] | null; readonly messages: readonly Message[] }

/** The layouts that are known; the first whose columns are all there is a row's. */
export const layouts: readonly Layout<Content>[] = [
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

/** A turn of ShareGPT's, `{ from, value }`, as a message (TRL 1.16, maybe_convert_to_chatml). */
function withRole(turn: unknown): unknown {
  if (typeof turn !== 'object' || turn === null) return turn
  const { from, value, ...rest } = turn as { readonly from?: unknown; readonly value?: unknown }
  return { ...rest, ...(from !== undefined && { role: from }), ...(value !== undefined && { content: value }) }
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
