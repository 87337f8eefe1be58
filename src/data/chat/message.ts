import { check } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'

/** One turn of a conversation, as templates of transformers read it. */
export interface Message {
  /** Such as 'system', 'user', 'assistant' or 'tool'. */
  readonly role: string
  /** A text, or parts such as `{ type: 'text', text: … }`. */
  readonly content?: unknown
  /** What else the template reads, such as `tool_calls` or `reasoning_content`. */
  readonly [field: string]: unknown
}

/** Names that the thoughts of an answer come under; the first is the one that templates read. */
const reasoningFields = ['reasoning_content', 'thinking', 'reasoning']

/** Whether a value is a list of messages, by its first. */
export function isConversation(value: unknown): value is readonly Message[] {
  if (!Array.isArray(value)) return false
  const first: unknown = value[0]
  return typeof first === 'object' && first !== null && 'role' in first
}

/** @throws MedAwareError `config` for anything but a list of messages that are objects with a role. */
export function readMessages(at: string, messages: unknown): readonly Message[] {
  check(Array.isArray(messages), 'config', () => {
    return `${at} must be a list of messages { role, content }, got ${show(messages)}`
  })
  return Array.from(messages, (message: unknown, i): Message => {
    const isMessage = typeof message === 'object' && message !== null && 'role' in message
    check(isMessage && typeof message.role === 'string', 'config', () => {
      return `${at}: message ${i} must be { role, content }, got ${show(message)}`
    })
    return message as Message
  })
}

/**
 * Messages as a template sees them: plain data, without keys that hold nothing, and thoughts under the names that
 * templates read (transformers 5.23, chat_template_utils.py).
 */
export function plainMessages(messages: readonly Message[]): Record<string, unknown>[] {
  return messages.map((message) => {
    const held = Object.entries(message).filter(([, value]) => value !== null && value !== undefined)
    const plain = Object.fromEntries(held.map(([key, value]) => [key, plainData(value)]))
    const reasoning = reasoningFields.map((field) => plain[field]).find((value) => value !== undefined)
    return reasoning === undefined ? plain : { thinking: reasoning, ...plain, reasoning_content: reasoning }
  })
}

/** Whether two messages say the same: neither the order of keys nor those that hold nothing make a difference. */
export function isSameMessage(some: Message, other: Message): boolean {
  return ordered(some) === ordered(other)
}

function ordered(message: Message): string {
  return JSON.stringify(plainData(message), (_, value: unknown) => {
    if (!isJsonObject(value)) return value
    const held = Object.entries(value).filter(([, each]) => each !== null && each !== undefined)
    return Object.fromEntries(held.sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** JSON's types alone: what a template calls is never a method of the caller's. */
export function plainData(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plainData)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainData(each)]))
  }
  return typeof value === 'function' || typeof value === 'symbol' ? null : value
}
