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

/** A flag that is wanted or was raised, in words. */
export interface JudgedFlag {
  readonly kind: ClaimKind
  readonly text: string
  readonly answer: string
}

/** What a checker found of what is wanted, missed, and flagged without reason. */
export interface CaseCounts {
  readonly found: readonly JudgedFlag[]
  readonly missed: readonly JudgedFlag[]
  readonly wrong: readonly JudgedFlag[]
}

/** The set that the rules are developed on, and those that they were first counted on. */
export const caseParts = ['development', 'held-out', 'blind', 'blind-second'] as const
export type CasePart = (typeof caseParts)[number]

export async function answerCases(part: CasePart): Promise<AnswerCase[]> {
  const text = await readFile(path.join(import.meta.dirname, 'cases', `${part}.jsonl`), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AnswerCase)
}

/** A flag is right where one of its kind is wanted at an overlapping place; each that is wanted counts once. */
export function countCase({ answer, flags: wanted }: AnswerCase, flags: readonly AnswerFlag[]): CaseCounts {
  const left = wanted.map(({ kind, text }) => ({ kind, text, answer, start: answer.indexOf(text) }))
  const [found, wrong]: [JudgedFlag[], JudgedFlag[]] = [[], []]
  for (const flag of flags) {
    const at = left.findIndex(({ kind, start, text }) => {
      return kind === flag.kind && start < flag.end && flag.start < start + text.length
    })
    if (at < 0) wrong.push({ kind: flag.kind, text: flag.text, answer })
    else found.push(...left.splice(at, 1))
  }
  return { found, missed: left, wrong }
}

/** `countCase` of many cases, as one. */
export function countCases(
  cases: readonly AnswerCase[],
  check: (answer: string, source: string) => readonly AnswerFlag[],
): CaseCounts {
  const counts = cases.map((each) => countCase(each, check(each.answer, each.source)))
  return {
    found: counts.flatMap(({ found }) => found),
    missed: counts.flatMap(({ missed }) => missed),
    wrong: counts.flatMap(({ wrong }) => wrong),
  }
}
