import { check } from '../../core/errors.ts'
import { isConversation, isSameMessage, type Message, readMessages } from '../chat/message.ts'
import { type Layout, textOf } from '../layouts.ts'

/** A prompt and two answers to it, as texts or as turns of a conversation. */
export type Preference =
  | { readonly type: 'text'; readonly prompt: string; readonly chosen: string; readonly rejected: string }
  | {
      readonly type: 'chat'
      readonly prompt: readonly Message[]
      readonly chosen: readonly Message[]
      readonly rejected: readonly Message[]
    }

/** How rows of preferences are laid out, in TRL's words. Without a prompt it is what both answers begin with. */
export const preferenceLayouts: readonly Layout<Preference>[] = [
  {
    columns: ['prompt', 'chosen', 'rejected'],
    read: ([prompt, chosen, rejected], at) => {
      if (!isConversation(prompt)) {
        check(typeof prompt !== 'string' || !isConversation(chosen), 'config', () => {
          return (
            `${at('prompt')} is a text, and "chosen" a conversation; give a list of messages { role, content }, ` +
            'or leave "prompt" out where both answers begin with it'
          )
        })
        return {
          type: 'text',
          prompt: textOf(prompt, at('prompt')),
          chosen: textOf(chosen, at('chosen')),
          rejected: textOf(rejected, at('rejected')),
        }
      }
      return {
        type: 'chat',
        prompt: readMessages(at('prompt'), prompt),
        chosen: readMessages(at('chosen'), chosen),
        rejected: readMessages(at('rejected'), rejected),
      }
    },
  },
  {
    columns: ['chosen', 'rejected'],
    read: ([chosen, rejected], at) => {
      if (isConversation(chosen)) {
        const [some, others] = [readMessages(at('chosen'), chosen), readMessages(at('rejected'), rejected)]
        const shared = sharedBegin(some, others, isSameMessage)
        check(shared > 0, 'config', () => {
          return `${at('chosen')} begins with no message that "rejected" begins with; give a "prompt", or begin both with it`
        })
        return {
          type: 'chat',
          prompt: some.slice(0, shared),
          chosen: some.slice(shared),
          rejected: others.slice(shared),
        }
      }
      const some = Array.from(textOf(chosen, at('chosen')))
      const others = Array.from(textOf(rejected, at('rejected')))
      const differs = sharedBegin(some, others, (a, b) => a === b)
      // An answer keeps the space before it.
      const shared =
        differs > 0 && some[differs - 1] === ' ' && some[differs] !== others[differs] ? differs - 1 : differs
      return {
        type: 'text',
        prompt: some.slice(0, shared).join(''),
        chosen: some.slice(shared).join(''),
        rejected: others.slice(shared).join(''),
      }
    },
  },
]

/**
 * Items that two lists share at their begin, but for the last of the shorter: an answer has one (TRL, extract_prompt).
 */
function sharedBegin<T>(some: readonly T[], others: readonly T[], isSame: (a: T, b: T) => boolean): number {
  const least = Math.min(some.length, others.length)
  const differs = some.slice(0, least).findIndex((item, i) => {
    const other = others[i]
    return other === undefined || !isSame(item, other)
  })
  return differs === -1 ? Math.max(0, least - 1) : differs
}
