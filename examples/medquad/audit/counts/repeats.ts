import { cleanText, isAnswered } from '../../data/clean-medquad.ts'
import { type Tally, tally } from '../../data/count-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { foldWords } from './fold-words.ts'

/** How often the same thing stands there. */
export interface Repeats {
  readonly distinct: number
  /** Rows that an earlier one has already. */
  readonly extra: number
  /** Things that stand there more than once, and the rows that have one of them. */
  readonly groups: number
  readonly rows: number
  readonly largest: number
}

/** What answered pairs have in common. White space is cleaned; folded means without case and punctuation as well. */
export interface RepeatCounts {
  readonly questions: Repeats
  readonly foldedQuestions: Repeats
  readonly answers: Repeats
  readonly foldedAnswers: Repeats
  readonly pairs: Repeats
  readonly distinctQids: number
  /** Rows, answered or not, whose collection and qid an earlier one has; null where none has a qid. */
  readonly qidClashes: Repeats | null
  /** The answers that stand there most often. */
  readonly commonAnswers: readonly { readonly answer: string; readonly rows: number; readonly collections: Tally }[]
}

/** @param most How many of the common answers are named. */
export function repeatsOf(pairs: readonly MedquadPair[], most = 10): RepeatCounts {
  const answered = pairs.filter(isAnswered).map((pair) => ({ ...pair, answer: cleanText(pair.answer) }))
  const withQid = pairs.filter(({ qid }) => qid !== '')
  const answers = answered.map(({ answer }) => answer)
  const common = Object.entries(tally(answers)).filter(([, rows]) => rows > 1)
  return {
    questions: repeatsIn(answered.map(({ question }) => question)),
    foldedQuestions: repeatsIn(answered.map(({ question }) => foldWords(question))),
    answers: repeatsIn(answers),
    foldedAnswers: repeatsIn(answers.map(foldWords)),
    pairs: repeatsIn(answered.map(({ question, answer }) => `${cleanText(question)}\0${answer}`)),
    distinctQids: new Set(answered.map(({ qid }) => qid).filter((qid) => qid !== '')).size,
    qidClashes: withQid.length === 0 ? null : repeatsIn(withQid.map(({ collection, qid }) => `${collection}\0${qid}`)),
    commonAnswers: common.slice(0, most).map(([answer, rows]) => {
      const where = answered.filter((pair) => pair.answer === answer)
      return { answer, rows, collections: tally(where.map(({ collection }) => collection)) }
    }),
  }
}

/** Counts what is the same. */
export function repeatsIn(keys: readonly string[]): Repeats {
  const sizes = new Map<string, number>()
  for (const key of keys) sizes.set(key, (sizes.get(key) ?? 0) + 1)
  const repeated = [...sizes.values()].filter((size) => size > 1)
  return {
    distinct: sizes.size,
    extra: keys.length - sizes.size,
    groups: repeated.length,
    rows: repeated.reduce((sum, size) => sum + size, 0),
    largest: [...sizes.values()].reduce((most, size) => Math.max(most, size), 0),
  }
}
