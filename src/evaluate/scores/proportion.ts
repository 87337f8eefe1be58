import { check } from '../../core/errors.ts'

/** A share of questions, and how far it may be from that of all such questions. */
export interface Proportion {
  readonly value: number
  /** Sample deviation / √n, as lm-evaluation-harness prints it; `null` for a single question. */
  readonly stderr: number | null
  /** Wilson's interval of 95 % (Wilson 1927, without correction for continuity): 0 and 1 are never all of it. */
  readonly low: number
  readonly high: number
}

/** The 97.5 % quantile of the normal distribution. */
const z = 1.959963984540054

/**
 * The share of `true`.
 * @throws MedAwareError `config` for none at all.
 */
export function proportion(outcomes: readonly boolean[]): Proportion {
  const { length: n } = outcomes
  check(n > 0, 'config', () => 'proportion: there is no outcome')
  const hits = outcomes.reduce((sum, outcome) => sum + +outcome, 0)
  const value = hits / n
  // Σ (x − mean)² of zeros and ones.
  const squares = hits * (1 - value) ** 2 + (n - hits) * value ** 2
  const stderr = n === 1 ? null : Math.sqrt(squares / (n - 1)) / Math.sqrt(n)
  return { value, stderr, ...wilson(hits, n) }
}

/** Wilson's interval of 95 % for `hits` of `n`. */
export function wilson(hits: number, n: number): { low: number; high: number } {
  const share = hits / n
  const scale = 1 + z ** 2 / n
  const centre = (share + z ** 2 / (2 * n)) / scale
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2))
  return { low: hits === 0 ? 0 : centre - half, high: hits === n ? 1 : centre + half }
}
