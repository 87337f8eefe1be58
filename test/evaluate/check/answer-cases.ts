import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { AnswerFlag } from '../../../src/evaluate/check/check-answer.ts'
import type { ClaimKind } from '../../../src/evaluate/check/claim.ts'

/** A text, an answer, and what of it the text does not say; written by hand, with no text of others in it. */
export interface AnswerCase {
  readonly source: string
  readonly answer: string
  readonly flags: readonly { readonly kind: ClaimKind; readonly text: string }[]
}

/** What a checker found, missed, and flagged without reason. */
export interface CaseCounts {
  readonly found: number
  readonly missed: readonly string[]
  readonly wrong: readonly string[]
}

export async function answerCases(part: 'development' | 'held-out'): Promise<AnswerCase[]> {
  const text = await readFile(path.join(import.meta.dirname, 'cases', `${part}.jsonl`), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AnswerCase)
}

/** A flag is right where one of its kind is wanted at an overlapping place; each that is wanted counts once. */
export function countCase({ answer, flags: wanted }: AnswerCase, flags: readonly AnswerFlag[]): CaseCounts {
  const left = wanted.map(({ kind, text }) => ({ kind, text, start: answer.indexOf(text) }))
  const wrong: string[] = []
  for (const flag of flags) {
    const at = left.findIndex(({ kind, start, text }) => {
      return kind === flag.kind && start < flag.end && flag.start < start + text.length
    })
    if (at < 0) wrong.push(`${flag.kind} "${flag.text}": ${answer}`)
    else left.splice(at, 1)
  }
  return {
    found: wanted.length - left.length,
    missed: left.map(({ kind, text }) => `${kind} "${text}": ${answer}`),
    wrong,
  }
}
