import { type Example, promptCompletionExample, type TextTokenizer } from 'peft-medaware'
import type { MedquadPair } from './data/medquad-pair.ts'

/** What the model reads before it answers. */
export function promptOf(question: string): string {
  return `Question: ${question}\nAnswer:`
}

/** Pairs as tokens, of which only the answer is learned; those whose question fills the whole length are left out. */
export function examplesOf(
  tokenizer: TextTokenizer,
  pairs: readonly Pick<MedquadPair, 'question' | 'answer'>[],
  maxLength: number,
): Example[] {
  return pairs.flatMap(({ question, answer }) => {
    const text = { prompt: promptOf(question), completion: ` ${answer}` }
    return promptCompletionExample(tokenizer, text, { maxLength }) ?? []
  })
}

/** Three short held-out pairs of different kinds, the same for the same data. */
export function pickQuestions(pairs: readonly MedquadPair[], number = 3): MedquadPair[] {
  const short = pairs.filter(
    ({ question, answer: text }) => question.length < 70 && text.length > 120 && text.length < 700,
  )
  const kinds = ['information', 'inheritance', 'treatment', 'symptoms', 'causes', 'frequency']
  const picked = kinds.flatMap((kind) => short.filter(({ qtype }) => qtype === kind).slice(0, 1))
  const others = short.filter((pair) => !picked.includes(pair))
  return [...picked, ...others, ...pairs].slice(0, number)
}
