import { applyChatTemplate, type Example, prepareExamples, type Row, type TextTokenizer } from 'peft-medaware'
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
  /** Two answers as a row that `trainDpo` reads. */
  readonly preferenceOf: (preference: Preference) => Row
}

/** Which of two answers is better. */
interface Preference {
  readonly question: string
  readonly chosen: string
  readonly rejected: string
}

/**
 * By the tokenizer's chat template, where it has one, with the end of the answer's turn learned; else as plain text.
 */
export function dialogueOf(tokenizer: TextTokenizer): Dialogue {
  if ((tokenizer.chatTemplate ?? null) === null) {
    return {
      promptOf: async (question) => promptOf(question),
      examplesOf: async (pairs, maxLength) => plain.examplesOf(tokenizer, pairs, maxLength),
      preferenceOf: ({ question, chosen, rejected }) => {
        return { prompt: promptOf(question), chosen: ` ${chosen}`, rejected: ` ${rejected}` }
      },
    }
  }
  const ask = (question: string) => ({ role: 'user', content: question })
  const say = (answer: string) => ({ role: 'assistant', content: answer })
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
        return { messages: [ask(question), say(answer)] }
      })
      return (await prepareExamples(tokenizer, rows, { maxLength, assistantOnlyLoss: true })).examples
    },
    preferenceOf: ({ question, chosen, rejected }) => {
      return { prompt: [ask(question)], chosen: [say(chosen)], rejected: [say(rejected)] }
    },
  }
}
