import { MedAwareError } from '../../core/errors.ts'
import { anyText, type OptionRules, readOptions } from '../../core/options.ts'
import { type ExampleTokenizer, readTokenizer } from '../example-tokenizer.ts'
import { commonPrefix } from '../tokenized-row.ts'
import { type ChatTemplateOptions, renderChat } from './apply-chat-template.ts'
import { assistantMask } from './chat-encoder.ts'
import { hasGenerationMarkers, templateOf } from './chat-template.ts'
import type { Message } from './message.ts'
import { type ChatRenderer, chatRenderer } from './render-chat.ts'

/** What a chat template is good for. */
export interface ChatTemplateReport {
  /** It says by `{% generation %}` which of the text the assistant's is. */
  readonly hasGenerationMarkers: boolean
  /** It writes calls of tools, and what they gave. */
  readonly supportsTools: boolean
  /** What is written of the first messages stays the same when more follow. */
  readonly isPrefixPreserving: boolean
  /** The token that ends the assistant's turn is marked as the assistant's, so that a model learns to stop. */
  readonly isStopTokenTrained: boolean
}

const rules: OptionRules<Pick<ChatTemplateOptions, 'chatTemplate'>> = { chatTemplate: anyText }

/**
 * Tries a chat template with small conversations (TRL 1.16, chat_template_utils.py: supports_tool_calling,
 * is_chat_template_prefix_preserving and is_chat_template_stop_token_trained). A template that refuses what is tried
 * does not do it.
 * @param options `chatTemplate`: a template, or the name of one of the tokenizer's. Default: its own.
 * @throws MedAwareError `config` where there is no template, `format` where it cannot be read.
 */
export async function checkChatTemplate(
  tokenizer: ExampleTokenizer,
  options: Pick<ChatTemplateOptions, 'chatTemplate'> = {},
): Promise<ChatTemplateReport> {
  const { chatTemplate } = readOptions('checkChatTemplate', options, rules)
  readTokenizer('checkChatTemplate', tokenizer)
  const template = templateOf('checkChatTemplate', tokenizer, chatTemplate, false)
  const renderer = await chatRenderer(template)
  return {
    hasGenerationMarkers: hasGenerationMarkers(template),
    supportsTools: supportsTools(tokenizer, renderer),
    isPrefixPreserving: isPrefixPreserving(tokenizer, renderer),
    isStopTokenTrained: isStopTokenTrained(tokenizer, renderer),
  }
}

const called = (name: string, given: object | string): Message[] => [
  { role: 'user', content: 'dummy' },
  { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: { name, arguments: given } }] },
]

function supportsTools(tokenizer: ExampleTokenizer, renderer: ChatRenderer): boolean {
  const [name, key, value, content] = [
    'tool_name_a8f3',
    'tool_key_b9d4',
    'tool_value_d6e7',
    'tool_content_c4f9',
  ] as const
  // Some templates add what is given to a text, so it has to be one (DeepSeek-V3).
  return [{ [key]: value }, JSON.stringify({ [key]: value })].some((given) => {
    const messages = [...called(name, given), { role: 'tool', name, content }]
    const text = orRefused(() => renderChat('checkChatTemplate', renderer, tokenizer, messages).text)
    return text !== null && [name, key, value, content].every((each) => text.includes(each))
  })
}

function isPrefixPreserving(tokenizer: ExampleTokenizer, renderer: ChatRenderer): boolean {
  const first = called('dummy', {})
  const more = [...first, { role: 'tool', name: 'dummy', content: 'dummy' }]
  const ids = (messages: readonly Message[], addGenerationPrompt: boolean) => {
    const { text } = renderChat('checkChatTemplate', renderer, tokenizer, messages, { addGenerationPrompt })
    return tokenizer.encode(text, { addSpecialTokens: false })
  }
  const both = orRefused(() => [ids(first, false), ids(more, true)] as const)
  return both !== null && commonPrefix(both[0], both[1]) === both[0].length
}

/** Whether the last token of the assistant's that is no space is an added one, which base text has not. */
export function isStopTokenTrained(tokenizer: ExampleTokenizer, renderer: ChatRenderer): boolean {
  // Some templates never end the last turn, so another one follows.
  const messages = ['user', 'assistant', 'user'].map((role) => ({ role, content: 'dummy' }))
  const rendered = orRefused(() => renderChat('checkChatTemplate', renderer, tokenizer, messages))
  if (rendered === null || rendered.generated.length === 0) return false
  const { text, generated } = rendered
  const ids = tokenizer.encode(text, { addSpecialTokens: false })
  const mask = assistantMask('checkChatTemplate', tokenizer, text, ids, generated)
  const places = tokenizer.offsets?.(text, ids) ?? []
  const last = mask.findLastIndex((isLearned, i) => isLearned && text.slice(...(places[i] ?? [0, 0])).trim() !== '')
  return (tokenizer.addedIds ?? []).includes(ids[last] ?? -1)
}

/** What a call gives; null where the template refuses what it is tried with. */
function orRefused<T>(call: () => T): T | null {
  try {
    return call()
  } catch (error) {
    if (error instanceof MedAwareError && (error.code === 'config' || error.code === 'format')) return null
    throw error
  }
}
