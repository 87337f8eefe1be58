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

/**
 * Short held-out pairs of different kinds, each about another disease where there are so many; the same for the same
 * data.
 */
export function pickQuestions(pairs: readonly MedquadPair[], number = 3): MedquadPair[] {
  const short = pairs.filter(
    ({ question, answer: text }) => question.length < 70 && text.length > 120 && text.length < 700,
  )
  const picked: MedquadPair[] = []
  const seen = new Set<string>()
  const pick = (pair: MedquadPair | undefined) => {
    if (pair === undefined || picked.length === number) return
    picked.push(pair)
    seen.add(pair.focus)
  }
  const isNew = (pair: MedquadPair) => !seen.has(pair.focus)
  const kinds = ['information', 'inheritance', 'treatment', 'symptoms', 'causes', 'frequency']
  for (const kind of kinds) pick(short.find((pair) => pair.qtype === kind && isNew(pair)))
  for (const pair of [...short, ...pairs]) if (isNew(pair)) pick(pair)
  for (const pair of pairs) if (!picked.includes(pair)) pick(pair)
  return picked
}
