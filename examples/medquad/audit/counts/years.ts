import { isAnswered } from '../../data/clean-medquad.ts'
import { type Tally, tally } from '../../data/count-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'

/**
 * What answers let guess of their age. MedQuAD does not say when a text was written; years that it names are a proxy,
 * since a text is hardly older than the latest year that it looks back on.
 */
export interface YearCounts {
  readonly answered: number
  readonly naming: number
  /** Answers that name a year, by the latest that they name. */
  readonly latest: Tally
  /** By collection: answers, those that name a year, and the median of the latest years. */
  readonly collections: readonly {
    readonly name: string
    readonly answered: number
    readonly naming: number
    readonly median: number | null
  }[]
}

/** A year from 1950 to 2029 that stands by itself, not in a range of numbers, a price or a share. */
const year = /(?<![\d.,/-])(?:19[5-9]\d|20[0-2]\d)(?![\d%]|[.,]\d)/g

/** Years that the answered pairs name. */
export function yearsOf(pairs: readonly MedquadPair[]): YearCounts {
  const found = pairs.filter(isAnswered).map(({ collection, answer }) => {
    const years = [...answer.matchAll(year)].map(([text]) => Number(text))
    return { collection, latest: years.length === 0 ? null : Math.max(...years) }
  })
  const naming = (some: typeof found) => some.flatMap(({ latest }) => (latest === null ? [] : [latest]))
  const collections = Object.entries(tally(found.map(({ collection }) => collection)))
  return {
    answered: found.length,
    naming: naming(found).length,
    latest: Object.fromEntries(
      Object.entries(tally(naming(found).map(String))).sort(([a], [b]) => Number(a) - Number(b)),
    ),
    collections: collections.map(([name, answered]) => {
      const years = naming(found.filter(({ collection }) => collection === name)).sort((a, b) => a - b)
      return { name, answered, naming: years.length, median: years[years.length >> 1] ?? null }
    }),
  }
}
