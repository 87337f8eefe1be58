import { type Example, promptCompletionExample, type TextTokenizer } from 'peft-medaware'
import type { MedquadPair } from './data/medquad-pair.ts'
import { groupByDisease } from './data/split-medquad.ts'
import { promptOf } from './prompt.ts'

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
 * Short held-out pairs of different kinds, each about another disease where there are so many, by what the split takes
 * for one; the same for the same data.
 */
export function pickQuestions(pairs: readonly MedquadPair[], number = 3): MedquadPair[] {
  const short = pairs.filter(
    ({ question, answer: text }) => question.length < 70 && text.length > 120 && text.length < 700,
  )
  const diseases = new Map([...groupByDisease(pairs)].flatMap(([disease, rows]) => rows.map((row) => [row, disease])))
  const picked: MedquadPair[] = []
  const seen = new Set<string | undefined>()
  const pick = (pair: MedquadPair | undefined) => {
    if (pair === undefined || picked.length === number) return
    picked.push(pair)
    seen.add(diseases.get(pair))
  }
  const isNew = (pair: MedquadPair) => !seen.has(diseases.get(pair))
  const kinds = ['information', 'inheritance', 'treatment', 'symptoms', 'causes', 'frequency']
  for (const kind of kinds) pick(short.find((pair) => pair.qtype === kind && isNew(pair)))
  for (const pair of [...short, ...pairs]) if (isNew(pair)) pick(pair)
  for (const pair of pairs) if (!picked.includes(pair)) pick(pair)
  return picked
}
