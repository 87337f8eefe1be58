import { check } from '../core/errors.ts'
import { isJsonObject, parseJson } from '../core/json.ts'
import { show } from '../core/show.ts'
import { type ChatMasks, type Conversation, encodeChat } from './chat/chat-encoder.ts'
import { templateOf } from './chat/chat-template.ts'
import { isStopTokenTrained } from './chat/check-chat-template.ts'
import { type ChatRenderer, chatRenderer } from './chat/render-chat.ts'
import { trainingTemplate } from './chat/training-template.ts'
import { type Content, layouts } from './columns.ts'
import type { Row } from './dataset.ts'
import { endOf, type ExampleTokenizer } from './example-tokenizer.ts'
import { readerFor } from './layouts.ts'
import type { ResolvedPrepareOptions } from './prepare-options.ts'
import { encodePair, encodeText, type PromptDifference, type TokenizedRow } from './tokenized-row.ts'

/** Turns a row into tokens. @param index Names it in errors. */
export type RowEncoder = (row: Row, index: number, onDifference: (difference: PromptDifference) => void) => TokenizedRow

/**
 * The encoder for rows that are laid out as the first is.
 * @throws MedAwareError `config` for columns that are not known, for conversations where the tokenizer has no chat
 * template, and for `assistantOnlyLoss` where rows are none or the template cannot tell; `format` for a template that
 * cannot be used.
 */
export async function rowEncoder(
  who: string,
  tokenizer: ExampleTokenizer,
  first: Row,
  options: ResolvedPrepareOptions,
): Promise<RowEncoder> {
  const hasTemplate = (options.chatTemplate ?? tokenizer.chatTemplate ?? null) !== null
  const reader = readerFor(layouts, who, first, options, hasTemplate)
  const eos = endOf(who, tokenizer)
  const { assistantOnlyLoss: assistantOnly = false, completionOnlyLoss: completionOnly = reader.hasPrompts } = options
  const isChat = reader.read(first, 0).type === 'chat'
  check(isChat || !assistantOnly, 'config', () => {
    return `${who}: assistantOnlyLoss is for conversations, and the rows hold plain texts; give messages`
  })
  const renderer = isChat ? await openRenderer(who, tokenizer, first, options, assistantOnly) : null
  const encode = (content: Content, row: Row, at: string, tell: (difference: PromptDifference) => void) => {
    if (content.type === 'tokens') return tokensOf(at, content)
    if (content.type === 'text') return encodeText(tokenizer, eos, content.text)
    if (content.type === 'pair') return encodePair(tokenizer, eos, content, completionOnly, tell)
    check(renderer !== null, 'config', () => `${at}: holds messages, and the first row plain texts`)
    const masks: ChatMasks = { completionOnly, assistantOnly }
    return encodeChat(at, tokenizer, renderer, { ...content, options: chatOptionsOf(at, row) }, masks, tell)
  }
  return (row, index, tell) => encode(reader.read(row, index), row, `${who}: row ${index}`, tell)
}

/** The renderer of conversations; where just the assistant's text is learned, of a template that tells it. */
async function openRenderer(
  who: string,
  tokenizer: ExampleTokenizer,
  first: Row,
  { chatTemplate, onWarning }: ResolvedPrepareOptions,
  assistantOnly: boolean,
): Promise<ChatRenderer> {
  const { tools = null } = chatOptionsOf(`${who}: row 0`, first)
  const template = templateOf(who, tokenizer, chatTemplate, tools !== null)
  const renderer = await chatRenderer(assistantOnly ? await trainingTemplate(who, template) : template)
  if (assistantOnly && !isStopTokenTrained(tokenizer, renderer)) {
    onWarning(
      `${who}: the chat template leaves the token that ends the assistant's turn out of what is learned, so the model ` +
        'may not learn to stop; put it before {% endgeneration %}, or learn from all of the text, assistantOnlyLoss: false',
    )
  }
  return renderer
}

/** Rows that are tokens already stay as they are, as in TRL. */
function tokensOf(at: string, { inputIds, labels }: TokenizedRow): TokenizedRow {
  check(inputIds.length === labels.length, 'shape', () => {
    return `${at}: has ${inputIds.length} input_ids and ${labels.length} labels`
  })
  return { inputIds, labels }
}

/** What a row's columns `tools`, which may be JSON, and `chat_template_kwargs` say, as in TRL. */
export function chatOptionsOf(at: string, row: Row): Conversation['options'] {
  const { tools: given, chat_template_kwargs: kwargs } = row
  const tools: unknown = typeof given === 'string' ? parseJson(`${at}: column "tools"`, given) : (given ?? null)
  check(
    tools === null || Array.isArray(tools),
    'config',
    () => `${at}: column "tools" must be a list, got ${show(tools)}`,
  )
  check(kwargs === undefined || kwargs === null || isJsonObject(kwargs), 'config', () => {
    return `${at}: column "chat_template_kwargs" must be an object of variables, got ${show(kwargs)}`
  })
  return { tools, ...(kwargs && { templateKwargs: kwargs }) }
}
