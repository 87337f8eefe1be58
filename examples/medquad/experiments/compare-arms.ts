import { DataError } from '../data/data-error.ts'
import type { MeasuredQuestion } from './experiment-record.ts'
import { tQuantile, tTest } from './student-t.ts'

/** Σ nats of each question after a run with a seed; an arm that has no seed has one run. */
export interface SeededNats {
  readonly seed: number
  readonly nats: readonly number[]
}

/** A figure, and between what it lies, 95%; null where there is one seed of what needs several. */
export interface Estimate {
  readonly value: number
  readonly low: number | null
  readonly high: number | null
}

/** An arm beside another: bits per byte of the arm less the other's. */
export interface Comparison {
  readonly difference: Estimate
  /** Standard deviation between seeds of the difference; null for one seed. */
  readonly seedDeviation: number | null
  /** Two-sided, that there is no difference; null for one seed. */
  readonly pValue: number | null
}

/** Bits per byte of an arm, the mean of its seeds, with the interval of a comparison to nothing. */
export function bitsPerByte(questions: readonly MeasuredQuestion[], runs: readonly SeededNats[]): Comparison {
  return compareArms(questions, runs, [{ seed: 0, nats: questions.map(() => 0) }])
}

/**
 * Compares two arms on the same questions, seed by seed. Two things vary: which diseases were asked about, and the seed.
 * Of the mean over seeds, the variance over diseases is that of a ratio of sums over clusters (Cochran 1977, 6.4:
 * questions about a disease are alike); the seeds' own is added to it, s² / n. Student's t with the degrees of freedom
 * of Welch and Satterthwaite for such a sum, since three seeds tell little of their own variance.
 * @param other Of one run where the other has no seed, which then stands beside each seed of the arm.
 * @throws DataError `config` for no seed in common.
 */
export function compareArms(
  questions: readonly MeasuredQuestion[],
  arm: readonly SeededNats[],
  other: readonly SeededNats[],
): Comparison {
  const bytes = sum(questions, (question) => question.bytes) * Math.LN2
  const pairs = pairBySeed(arm, other)
  const differences = pairs.map(([a, b]) => questions.map((_, i) => (a[i] ?? NaN) - (b[i] ?? NaN)))
  const each = differences.map((difference) => sum(difference, (nats) => nats) / bytes)
  const value = sum(each, (one) => one) / each.length

  const clusters = new Map<string, number>()
  for (const [i, { disease, bytes: own }] of questions.entries()) {
    const nats = sum(differences, (difference) => difference[i] ?? NaN) / differences.length
    clusters.set(disease, (clusters.get(disease) ?? 0) + nats - value * own * Math.LN2)
  }
  const n = clusters.size
  const overDiseases = ((n / (n - 1)) * sum([...clusters.values()], (off) => off * off)) / bytes ** 2
  // Arms without a seed vary over diseases alone.
  const isSeedless = arm.length === 1 && other.length === 1 && arm[0]?.seed === 0 && other[0]?.seed === 0
  if (isSeedless) return judged(value, overDiseases, n - 1, null)
  if (each.length < 2) return { difference: { value, low: null, high: null }, seedDeviation: null, pValue: null }
  const variance = sum(each, (one) => (one - value) ** 2) / (each.length - 1)
  const overSeeds = variance / each.length
  const df = (overDiseases + overSeeds) ** 2 / (overDiseases ** 2 / (n - 1) + overSeeds ** 2 / (each.length - 1))
  return judged(value, overDiseases + overSeeds, df, Math.sqrt(variance))
}

function judged(value: number, variance: number, df: number, seedDeviation: number | null): Comparison {
  // An arm beside itself.
  if (variance === 0) return { difference: { value, low: value, high: value }, seedDeviation, pValue: 1 }
  const error = Math.sqrt(variance)
  const reach = tQuantile(0.05, df) * error
  return {
    difference: { value, low: value - reach, high: value + reach },
    ...{ seedDeviation, pValue: tTest(value / error, df) },
  }
}

function pairBySeed(arm: readonly SeededNats[], other: readonly SeededNats[]) {
  const single = (runs: readonly SeededNats[]) => (runs.length === 1 && runs[0]?.seed === 0 ? runs[0] : undefined)
  const [lone, loneOther] = [single(arm), single(other)]
  const seeds = (lone === undefined ? arm : other).map(({ seed }) => seed)
  const pairs = seeds.flatMap((seed) => {
    const a = lone ?? arm.find((run) => run.seed === seed)
    const b = loneOther ?? other.find((run) => run.seed === seed)
    return a === undefined || b === undefined ? [] : [[a.nats, b.nats] as const]
  })
  if (pairs.length === 0) throw new DataError('config', 'compareArms: the arms have no seed in common; run both of one')
  return pairs
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
