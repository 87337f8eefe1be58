import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'

/** Which questions of a task a model answers rightly: an `EvaluationReport`, or a score of `compare`. */
export interface JudgedAnswers {
  readonly task: string
  readonly n: number
  readonly documents: readonly { readonly id: string; readonly target: number; readonly isCorrect: boolean }[]
}

/** Two models beside one another on the same questions. */
export interface AccuracyComparison {
  readonly n: number
  /** Questions that both answer rightly, only the first, only the second, and neither. */
  readonly both: number
  readonly onlyFirst: number
  readonly onlySecond: number
  readonly neither: number
  /** The second's accuracy less the first's. */
  readonly difference: number
  /**
   * McNemar's test, two-sided and exact: how often as uneven a split of the questions on which they differ comes of
   * tossing a coin (the binomial test of `onlyFirst` against `onlySecond`; statsmodels' `mcnemar(exact=True)`).
   */
  readonly pValue: number
}

/**
 * Whether one model answers better than another, by McNemar's test on the same questions. Intervals that overlap say
 * little: most questions are answered alike by both.
 * @throws MedAwareError `config` unless both are of one task and of the same questions.
 */
export function compareAccuracy(first: JudgedAnswers, second: JudgedAnswers): AccuracyComparison {
  const who = 'compareAccuracy'
  check(first.task === second.task, 'config', () => {
    return `${who}: the reports are of ${first.task} and ${second.task}; compare models on one task`
  })
  const targets = new Map(second.documents.map((document) => [document.id, document]))
  const pairs = first.documents.map(({ id, target, isCorrect }) => {
    const other = targets.get(id)
    check(other !== undefined && other.target === target, 'config', () => {
      return `${who}: question ${show(id)} is not in both reports; evaluate both models on the same questions`
    })
    return [isCorrect, other.isCorrect] as const
  })
  check(pairs.length === second.documents.length, 'config', () => {
    return `${who}: the reports have ${first.n} and ${second.n} questions; evaluate both models on the same ones`
  })
  const count = (one: boolean, other: boolean) => pairs.filter(([a, b]) => a === one && b === other).length
  const [onlyFirst, onlySecond] = [count(true, false), count(false, true)]
  return {
    n: pairs.length,
    both: count(true, true),
    onlyFirst,
    onlySecond,
    neither: count(false, false),
    difference: (onlySecond - onlyFirst) / pairs.length,
    pValue: signTest(onlyFirst, onlySecond),
  }
}

/** 2 P(X ≤ the smaller) for X of Binomial(one + other, ½), at most 1. */
export function signTest(one: number, other: number): number {
  const n = one + other
  const least = Math.min(one, other)
  if (2 * least >= n - 1) return 1
  // C(n, k) / 2^n from the last one down, in logarithms so that 2^-n may be too small for a double.
  let logTerm = -n * Math.LN2
  for (let k = 1; k <= least; k++) logTerm += Math.log((n - k + 1) / k)
  let [term, sum] = [1, 0]
  for (let k = least; k >= 0; k--) {
    sum += term
    term *= k / (n - k + 1)
  }
  return Math.min(1, 2 * Math.exp(logTerm) * sum)
}
