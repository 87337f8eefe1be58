import { check } from '../../core/errors.ts'
import { type AccuracyComparison, compareAccuracy } from '../../evaluate/scores/compare-accuracy.ts'
import type { Way } from '../contenders/contender.ts'
import { checkNames } from '../contenders/contender-names.ts'
import type { ContenderScore } from './choice-score.ts'
import { holm } from './holm.ts'

/** Two contenders on the same questions. */
export interface ContenderPair extends AccuracyComparison {
  readonly first: string
  readonly second: string
  /** How the answers of each are found. Where they differ, the ways are compared as much as the contenders. */
  readonly ways: readonly [first: Way, second: Way]
  /** `pValue` by Holm's method (1979), for as many pairs as there are. */
  readonly adjustedPValue: number
}

/** Contenders on the questions of one task. */
export interface Comparison {
  readonly task: string
  readonly n: number
  readonly scores: readonly ContenderScore[]
  /** Each with each, by McNemar's test. */
  readonly pairs: readonly ContenderPair[]
}

/**
 * Compares scores of the same questions.
 * @throws MedAwareError `config` for fewer than two, for two of one name, and unless all are of the same questions.
 */
export function comparisonOf(scores: readonly ContenderScore[]): Comparison {
  const who = 'comparisonOf'
  const [first] = scores
  check(first !== undefined && scores.length > 1, 'config', () => `${who}: needs the scores of two contenders or more`)
  checkNames(
    who,
    scores.map(({ contender }) => contender),
  )
  const pairs = scores.flatMap((one, i) => {
    return scores.slice(i + 1).map((other) => ({
      ...{ first: one.contender, second: other.contender, ways: [one.way, other.way] as const },
      ...compareAccuracy(one, other),
    }))
  })
  const adjusted = holm(pairs.map(({ pValue }) => pValue))
  return {
    task: first.task,
    n: first.n,
    scores,
    pairs: pairs.map((pair, i) => ({ ...pair, adjustedPValue: adjusted[i] ?? 1 })),
  }
}
