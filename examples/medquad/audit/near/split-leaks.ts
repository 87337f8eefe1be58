import { Random } from 'peft-medaware'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { foldWords } from '../counts/fold-words.ts'
import type { NearDuplicates } from './near-duplicates.ts'

/** Of the rows held out, how many stand in the training part already, in one way or another. */
export interface Leaks {
  readonly heldOut: number
  readonly train: number
  /** Rows whose focus, case aside, is asked about in training. */
  readonly focus: number
  /** Rows whose question, case and punctuation aside, is asked in training. */
  readonly question: number
  /** Rows whose answer stands in training, white space aside; and those whose answer does or nearly does. */
  readonly answer: number
  readonly near: number
}

/** A held-out answer and what it is nearly the same as in training. */
export interface NearExample {
  readonly similarity: number
  readonly heldOut: Pick<MedquadPair, 'id' | 'question' | 'answer'>
  readonly train: Pick<MedquadPair, 'id' | 'question' | 'answer'>
}

/** Different answers and their near-duplicates, which are indices in `answers`. */
export interface AnswerIndex {
  readonly answers: readonly string[]
  readonly near: Pick<NearDuplicates, 'neighbours'>
}

/** Counts what a split lets through. Answers must be cleaned, and stand in the index. */
export function leaksOf(
  train: readonly MedquadPair[],
  heldOut: readonly MedquadPair[],
  { answers, near: { neighbours } }: AnswerIndex,
): Leaks & { readonly examples: NearExample[] } {
  const indexOf = new Map(answers.map((answer, i) => [answer, i]))
  const foci = new Set(train.map(focusOf))
  const questions = new Set(train.map(({ question }) => foldWords(question)))
  const known = new Map(train.map((pair) => [indexOf.get(pair.answer), pair]))
  const examples: NearExample[] = []
  let [answer, near] = [0, 0]
  for (const pair of heldOut) {
    const index = indexOf.get(pair.answer) ?? -1
    const isSame = known.has(index)
    const nearest = neighbours.get(index)?.find(({ other }) => known.has(other))
    if (isSame) answer++
    if (isSame || nearest !== undefined) near++
    const other = isSame ? undefined : known.get(nearest?.other)
    if (nearest !== undefined && other !== undefined) {
      examples.push({ similarity: nearest.similarity, heldOut: textsOf(pair), train: textsOf(other) })
    }
  }
  const focus = heldOut.filter((pair) => pair.focus !== '' && foci.has(focusOf(pair))).length
  const question = heldOut.filter((pair) => questions.has(foldWords(pair.question))).length
  return { heldOut: heldOut.length, train: train.length, focus, question, answer, near, examples }
}

/** A split that draws rows, whatever they are about: what many do, and what the recipe does not. */
export function randomSplit(
  pairs: readonly MedquadPair[],
  share: number,
  seed: number,
): { train: MedquadPair[]; heldOut: MedquadPair[] } {
  const rows = new Random(seed).shuffle([...pairs])
  const held = Math.round(share * rows.length)
  return { heldOut: rows.slice(0, held), train: rows.slice(held) }
}

/** A few, of different questions: the first of each, and so spread over the list. */
export function someOf(examples: readonly NearExample[], number: number): NearExample[] {
  const long = examples.filter(({ heldOut }) => heldOut.answer.length > 80)
  return Array.from(
    { length: Math.min(number, long.length) },
    (_, i) => long[Math.floor((i * long.length) / number)],
  ).filter((example) => example !== undefined)
}

const focusOf = ({ focus }: MedquadPair): string => focus.toLowerCase()

const textsOf = ({ id, question, answer }: MedquadPair) => ({ id, question, answer })
