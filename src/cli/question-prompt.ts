import { applyChatTemplate } from '../data/chat/apply-chat-template.ts'
import type { Message } from '../data/chat/message.ts'
import type { TextTokenizer } from '../generate/text-tokenizer.ts'

/** A turn of a conversation. */
export type Said = Message & { readonly content: string }

/**
 * What a model reads before it answers: the conversation by its chat template, as tokens; without one the last question
 * alone, as a text, as rows of question and answer are trained on.
 */
export async function promptOf(tokenizer: TextTokenizer, messages: readonly Said[]): Promise<string | number[]> {
  const { chatTemplate = null } = tokenizer
  if (chatTemplate === null) return `Question: ${messages.at(-1)?.content ?? ''}\nAnswer:`
  const text = await applyChatTemplate(tokenizer, messages, { addGenerationPrompt: true })
  return tokenizer.encode(text, { addSpecialTokens: false })
}
