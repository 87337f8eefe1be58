import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Message } from '../../../src/data/chat/message.ts'

/** What transformers renders of a conversation, or that its template refuses. */
interface Rendered {
  readonly conversation: string
  readonly addGenerationPrompt: boolean
  readonly text?: string
  /** The assistant's own text. */
  readonly generated?: string[]
  readonly error?: string
  readonly message?: string
}

const path = join(import.meta.dirname, '../../fixtures/chat-templates.json')

export const { conversations, tools, specials, templates } = JSON.parse(readFileSync(path, 'utf8')) as {
  readonly conversations: Readonly<Record<string, readonly Message[]>>
  readonly tools: readonly object[]
  readonly specials: Readonly<Record<string, string>>
  readonly templates: readonly {
    readonly name: string
    readonly template: string
    /** The variant for training. */
    readonly training: string | null
    /** What TRL's checks find; null where one fails. */
    readonly checked: Readonly<Record<string, boolean | null>>
    readonly checkedTraining?: Readonly<Record<string, boolean | null>>
    readonly rendered: readonly Rendered[]
    readonly renderedTraining?: readonly Rendered[]
  }[]
}
