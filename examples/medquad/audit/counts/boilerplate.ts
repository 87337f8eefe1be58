import { cleanText, isAnswered } from '../../data/clean-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { foldWords } from './fold-words.ts'

/** Sentences that stand in several answers. */
export interface Boilerplate {
  readonly characters: number
  /** Characters of answers in sentences that stand in so many answers or more. */
  readonly shared: readonly { readonly answers: number; readonly characters: number }[]
  /** The same for answers of each collection, in sentences that `collectionLeast` answers have. */
  readonly collections: readonly { readonly name: string; readonly characters: number; readonly shared: number }[]
  readonly collectionLeast: number
  /** The sentences that most answers have. */
  readonly sentences: readonly { readonly sentence: string; readonly answers: number }[]
}

/** Shorter runs, such as headings, are no sentences here. */
const leastWords = 4

interface Sentence {
  readonly text: string
  readonly key: string
}

/** Counts sentences of four words and more of the answered pairs; equal are those that differ in punctuation alone. */
export function boilerplateOf(
  pairs: readonly MedquadPair[],
  { least = [2, 5, 10, 50], collectionLeast = 10, most = 12 } = {},
): Boilerplate {
  const answers = pairs.filter(isAnswered).map(({ collection, answer }) => {
    const text = cleanText(answer)
    return { collection, length: text.length, sentences: sentencesOf(text) }
  })
  const rows = new Map<string, { sentence: string; answers: number }>()
  for (const { sentences } of answers) {
    for (const [key, text] of new Map(sentences.map(({ key, text }) => [key, text]))) {
      const row = rows.get(key)
      if (row) row.answers++
      else rows.set(key, { sentence: text, answers: 1 })
    }
  }
  const isShared = (key: string, by: number) => (rows.get(key)?.answers ?? 0) >= by
  const sharedIn = (some: typeof answers, by: number) =>
    sum(some.flatMap(({ sentences }) => sentences.map(({ key, text }) => (isShared(key, by) ? text.length : 0))))
  const lengthOf = (some: typeof answers) => sum(some.map(({ length }) => length))
  const names = [...new Set(answers.map(({ collection }) => collection))]
  return {
    characters: lengthOf(answers),
    shared: least.map((by) => ({ answers: by, characters: sharedIn(answers, by) })),
    collections: names.map((name) => {
      const some = answers.filter(({ collection }) => collection === name)
      return { name, characters: lengthOf(some), shared: sharedIn(some, collectionLeast) }
    }),
    collectionLeast,
    sentences: [...rows.values()]
      .filter((row) => row.answers > 1)
      .sort((a, b) => b.answers - a.answers)
      .slice(0, most),
  }
}

/** A line or what ends in a full stop, question or exclamation mark. */
function sentencesOf(text: string): Sentence[] {
  return text.split(/\n|(?<=[.!?])\s+/).flatMap((piece) => {
    const key = foldWords(piece)
    return key.split(' ').length < leastWords ? [] : [{ text: piece.trim(), key }]
  })
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
