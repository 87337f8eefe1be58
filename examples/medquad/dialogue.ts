import { applyChatTemplate, type Example, prepareExamples, type TextTokenizer } from 'peft-medaware'
import type { MedquadPair } from './data/medquad-pair.ts'
import { promptOf } from './prompt.ts'
import * as plain from './questions.ts'

type Pair = Pick<MedquadPair, 'question' | 'answer'>

/** How a model is asked, and what it learns to answer. */
export interface Dialogue {
  /** What the model reads before it answers. */
  readonly promptOf: (question: string) => Promise<string>
  /** Pairs as tokens, of which only the answer is learned; those whose question fills the whole length are left out. */
  readonly examplesOf: (pairs: readonly Pair[], maxLength: number) => Promise<Example[]>
}

/**
 * By the tokenizer's chat template, where it has one, with the end of the answer's turn learned; else as plain text.
 */
export function dialogueOf(tokenizer: TextTokenizer): Dialogue {
  if ((tokenizer.chatTemplate ?? null) === null) {
    return {
      promptOf: async (question) => promptOf(question),
      examplesOf: async (pairs, maxLength) => plain.examplesOf(tokenizer, pairs, maxLength),
    }
  }
  const ask = (question: string) => ({ role: 'user', content: question })
  return {
    async promptOf(question) {
      const text = await applyChatTemplate(tokenizer, [ask(question)], { addGenerationPrompt: true })
      // Encoding puts the begin of a text before it, which the template may have written already.
      const begin = tokenizer.specialTokens?.['bos_token'] ?? ''
      const isTwice = text.startsWith(begin) && tokenizer.encode('')[0] === tokenizer.encode(begin).at(-1)
      return isTwice ? text.slice(begin.length) : text
    },
    async examplesOf(pairs, maxLength) {
      const rows = pairs.map(({ question, answer }) => {
        return { messages: [ask(question), { role: 'assistant', content: answer }] }
      })
      return (await prepareExamples(tokenizer, rows, { maxLength, assistantOnlyLoss: true })).examples
    },
  }
}
