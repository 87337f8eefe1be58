import { check } from '../../core/errors.ts'
import { anyText, flag, listOf, type OptionRules, readArgument, readOptions, that } from '../../core/options.ts'
import { type Templated, templateOf } from './chat-template.ts'
import { type Message, plainData, plainMessages, readMessages } from './message.ts'
import { type ChatRenderer, chatRenderer, type RenderedChat } from './render-chat.ts'

/** How a conversation is written. */
export interface ChatTemplateOptions {
  /** Begins the assistant's next turn behind the last. Default false. */
  readonly addGenerationPrompt?: boolean
  /** Leaves the last message open, to be gone on with. Default false. */
  readonly continueFinalMessage?: boolean
  /** What the assistant may call, by JSON schema. */
  readonly tools?: readonly object[] | null
  readonly documents?: readonly object[] | null
  /** A template, or the name of one of the tokenizer's. Default: the tokenizer's own. */
  readonly chatTemplate?: string
  /** More variables for the template, such as `{ enable_thinking: false }`. */
  readonly templateKwargs?: Readonly<Record<string, unknown>>
}

const tokenizerRule = that(
  "a tokenizer, such as loadTokenizer's",
  (value): value is Templated => typeof value === 'object' && value !== null,
)
const objectRule = that('an object', (value): value is object => typeof value === 'object' && value !== null)
const variables = that(
  'an object of variables',
  (value): value is Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
)
const objects = listOf(objectRule)

const rules: OptionRules<ChatTemplateOptions> = {
  addGenerationPrompt: flag,
  continueFinalMessage: flag,
  tools: { expects: objects.expects, read: (value, at) => (value === null ? null : objects.read(value, at)) },
  documents: { expects: objects.expects, read: (value, at) => (value === null ? null : objects.read(value, at)) },
  chatTemplate: anyText,
  templateKwargs: variables,
}

/**
 * A conversation as the text that a model was taught to read: by the tokenizer's chat template, rendered as
 * transformers 5.23's `apply_chat_template(tokenize=False)` renders it. Its special tokens are written out, so encode
 * it with `addSpecialTokens: false`.
 * @throws MedAwareError `config` for what are no messages, where the tokenizer has no template, and where the template
 * itself complains; `format` for a template that cannot be used or does not end.
 */
export async function applyChatTemplate(
  tokenizer: Templated,
  messages: readonly Message[],
  options: ChatTemplateOptions = {},
): Promise<string> {
  const who = 'applyChatTemplate'
  const read = readOptions(who, options, rules)
  readArgument(who, 'the tokenizer', tokenizer, tokenizerRule)
  const template = templateOf(who, tokenizer, read.chatTemplate, (read.tools ?? null) !== null)
  const renderer = await chatRenderer(template)
  return renderChat(who, renderer, tokenizer, readMessages(`${who}: messages`, messages), read).text
}

/** Behind the text that is gone on with, so that it is found again. */
const continuation = 'CONTINUE_FINAL_MESSAGE_TAG '

/** Writes a conversation. @throws MedAwareError as `applyChatTemplate`. */
export function renderChat(
  who: string,
  renderer: ChatRenderer,
  { specialTokens = {} }: Templated,
  messages: readonly Message[],
  options: Omit<ChatTemplateOptions, 'chatTemplate'> = {},
): RenderedChat {
  const { addGenerationPrompt = false, continueFinalMessage = false, templateKwargs = {} } = options
  check(messages.length > 0, 'config', () => `${who}: there is no message`)
  check(!(addGenerationPrompt && continueFinalMessage), 'config', () => {
    return `${who}: addGenerationPrompt begins a turn, and continueFinalMessage goes on with the last; choose one`
  })
  const plain = plainMessages(messages)
  const last = plain.at(-1)
  if (continueFinalMessage && last !== undefined) plain[plain.length - 1] = opened(who, last)
  const rendered = renderer({
    ...specialTokens,
    ...(plainData(templateKwargs) as Record<string, unknown>),
    messages: plain,
    tools: plainData(options.tools ?? null),
    documents: plainData(options.documents ?? null),
    add_generation_prompt: addGenerationPrompt,
  })
  return continueFinalMessage ? { ...rendered, text: openEnd(who, rendered.text) } : rendered
}

/** A message with a mark behind its text. */
function opened(who: string, message: Record<string, unknown>): Record<string, unknown> {
  const { content } = message
  if (typeof content === 'string') return { ...message, content: `${content}${continuation}` }
  const parts: unknown[] = Array.isArray(content) ? [...(content as unknown[])] : []
  const at = parts.findLastIndex((part) => typeof part === 'object' && part !== null && 'text' in part)
  const part = parts[at] as { readonly text: unknown } | undefined
  check(part !== undefined, 'config', () => `${who}: the final message has no text to go on with`)
  parts[at] = { ...part, text: `${String(part.text)}${continuation}` }
  return { ...message, content: parts }
}

/** The text as far as the mark; a template that trims has cut the spaces before it too. */
function openEnd(who: string, text: string): string {
  const at = text.lastIndexOf(continuation.trim())
  check(at >= 0, 'config', () => `${who}: the chat template leaves the final message out, so nothing goes on with it`)
  const isWhole = text.startsWith(continuation, at)
  return isWhole ? text.slice(0, at) : text.slice(0, at).trimEnd()
}
