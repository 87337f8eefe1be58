import type { MedquadPair } from '../../../examples/medquad/data/medquad-pair.ts'

/** CUIs, foci and questions (case folded) that two parts have in common. */
export function sharedKeys(a: readonly MedquadPair[], b: readonly MedquadPair[]): string[] {
  const keys = (pair: MedquadPair): string[] => [
    ...pair.cui.map((cui) => `cui ${cui}`),
    ...(pair.focus === '' ? [] : [`focus ${pair.focus.toLowerCase()}`]),
    `question ${pair.question.toLowerCase()}`,
  ]
  const seen = new Set(a.flatMap(keys))
  return b.flatMap(keys).filter((key) => seen.has(key))
}
