import { cleanText, isAnswered } from './clean-medquad.ts'
import type { MedquadPair } from './medquad-pair.ts'
import type { MedquadData } from './read-medquad.ts'

/** Rows by a name, the most first. */
export type Tally = Record<string, number>

export interface MedquadCounts {
  files: number
  /** XML files by root element: `Document`, `doc`, `DiseaseFile`. */
  roots: Tally
  pairs: number
  answered: number
  /** All pairs, and those with an answer, by collection. */
  pairsByCollection: Tally
  answeredByCollection: Tally
  answeredByQuestionType: Tally
  /** A pair may have several types, so these add up to more than the pairs. */
  answeredBySemanticType: Tally
  answeredWithCui: number
  distinctCuis: number
  /** Answered rows whose question and answer, white space cleaned, an earlier row has too. */
  duplicates: number
  /** Different answers, white space cleaned. */
  distinctAnswers: number
}

/** Counts what `readMedquad` gave; everything but `files`, `roots` and `pairs...` is about answered pairs. */
export function countMedquad({ pairs, files, roots }: MedquadData): MedquadCounts {
  const answered = pairs.filter(isAnswered)
  const answers = answered.map((pair) => cleanText(pair.answer))
  const rows = new Set(answered.map((pair, index) => `${cleanText(pair.question)}\0${answers[index] ?? ''}`))
  return {
    files,
    roots: tally(Object.entries(roots).flatMap(([root, count]) => new Array<string>(count).fill(root))),
    pairs: pairs.length,
    answered: answered.length,
    pairsByCollection: tally(pairs.map((pair) => pair.collection)),
    answeredByCollection: tally(answered.map((pair) => pair.collection)),
    answeredByQuestionType: tally(answered.map((pair) => pair.qtype)),
    answeredBySemanticType: tally(answered.flatMap((pair) => distinct(pair.semanticTypes))),
    answeredWithCui: answered.filter((pair) => pair.cui.length > 0).length,
    distinctCuis: new Set(answered.flatMap((pair) => pair.cui)).size,
    duplicates: answered.length - rows.size,
    distinctAnswers: new Set(answers).size,
  }
}

/** The counts as lines of text to print. */
export function formatCounts(counts: MedquadCounts): string {
  const schemas = Object.entries(counts.roots).map(([root, count]) => `<${root}> ${number(count)}`)
  const collections = Object.entries(counts.pairsByCollection).sort(([a], [b]) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
  return [
    `${number(counts.files)} files${schemas.length > 0 ? ` (${schemas.join(', ')})` : ''}`,
    `${number(counts.pairs)} pairs, ${number(counts.answered)} answered (${number(counts.distinctAnswers)} different answers, ${number(counts.duplicates)} rows twice)`,
    `${number(counts.answeredWithCui)} answered pairs with a UMLS concept, ${number(counts.distinctCuis)} concepts`,
    '',
    ...table(
      ['collection', 'pairs', 'answered'],
      collections.map(([name, all]) => [name, all, counts.answeredByCollection[name] ?? 0]),
    ),
    '',
    ...table(['question type', 'answered'], Object.entries(counts.answeredByQuestionType)),
  ].join('\n')
}

function table(heads: [string, ...string[]], rows: [string, ...number[]][]): string[] {
  const cells = [heads, ...rows.map(([name, ...counts]) => [name || '(none)', ...counts.map(number)])]
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
}

/** How often each name stands there, the commonest first. */
export function tally(names: readonly string[]): Tally {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)))
}

const distinct = (names: MedquadPair['semanticTypes']): string[] => [...new Set(names)]

const number = (count: number): string => count.toLocaleString('en-US')
