import type { MedquadPair } from './medquad-pair.ts'

/** NINDS files in the `<doc>` schema, which the paper's parser did not see: 16 pairs. */
const notInPaper = /^6_NINDS_QA\/(0000007|0000018|0000182|0000244)#/

export const isAnswered = (pair: MedquadPair): boolean => pair.answer.trim() !== ''

/** White space as a reader needs it: any space is a space, runs are one, lines are trimmed, one blank line at most. */
export function cleanText(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/**
 * A question on one line, its mark close by: `What is (are) X ?` becomes `What is (are) X?`, and `X? ?` becomes `X?`.
 */
export function cleanQuestion(text: string): string {
  return cleanText(text)
    .replace(/\n+/g, ' ')
    .replace(/(\s*\?)+$/, '?')
    .replace(/ +\?/g, '?')
}

export interface CleanOptions {
  /** Keep rows whose question and answer were both seen before. Default false. */
  keepDuplicates?: boolean
}

/** Answered pairs with their white space cleaned; of rows equal in question and answer after that, the first. */
export function cleanMedquad(
  pairs: readonly MedquadPair[],
  { keepDuplicates = false }: CleanOptions = {},
): MedquadPair[] {
  const seen = new Set<string>()
  const cleaned: MedquadPair[] = []
  for (const pair of pairs) {
    const answer = cleanText(pair.answer)
    if (answer === '') continue
    const question = cleanQuestion(pair.question)
    const key = `${question}\0${answer}`
    if (!keepDuplicates && seen.has(key)) continue
    seen.add(key)
    cleaned.push({ ...pair, focus: cleanText(pair.focus), question, answer })
  }
  return cleaned
}

/** Whether a pair stands in a file that the paper's parser did not see. */
export const isUnseenByPaper = (pair: Pick<MedquadPair, 'id'>): boolean => notInPaper.test(pair.id)

/** The rows PEFT-MedAware's paper used, 16,407 of them: answered, less the four files its parser did not see. */
export function selectPaper(pairs: readonly MedquadPair[]): MedquadPair[] {
  return pairs.filter((pair) => isAnswered(pair) && !isUnseenByPaper(pair))
}
