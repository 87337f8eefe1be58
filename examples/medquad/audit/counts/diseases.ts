import type { MedquadPair } from '../../data/medquad-pair.ts'
import { groupByDisease } from '../../data/split-medquad.ts'

/** How questions are spread over diseases, which are what shares a concept, a focus or a question. */
export interface DiseaseCounts {
  readonly diseases: number
  readonly withOneQuestion: number
  /** Diseases by the number of their questions; the last number stands for all that have as many or more. */
  readonly sizes: readonly { readonly questions: number; readonly diseases: number }[]
  /** The largest, by a focus that they have. */
  readonly largest: readonly { readonly name: string; readonly questions: number; readonly foci: number }[]
}

/** Counts the diseases of pairs. */
export function diseasesIn(pairs: readonly MedquadPair[], { upTo = 12, most = 6 } = {}): DiseaseCounts {
  const groups = [...groupByDisease(pairs).values()]
  const counts = Array.from({ length: upTo }, (_, i) => ({ questions: i + 1, diseases: 0 }))
  for (const rows of groups) {
    const bin = counts[Math.min(upTo, rows.length) - 1]
    if (bin) bin.diseases++
  }
  const largest = groups.sort((a, b) => b.length - a.length).slice(0, most)
  return {
    diseases: groups.length,
    withOneQuestion: groups.filter(({ length }) => length === 1).length,
    sizes: counts,
    largest: largest.map((rows) => ({
      name: rows.find(({ focus }) => focus !== '')?.focus ?? '',
      questions: rows.length,
      foci: new Set(rows.map(({ focus }) => focus)).size,
    })),
  }
}
