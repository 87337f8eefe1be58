import { listOf, number, orNull, readArgument } from '../../core/options.ts'

/**
 * Holm's step-down correction of several tests: the k-th smallest of m p-values, counted from 0, times m − k, and never
 * below the one before it.
 * @param pValues From 0 to 1; null where there was no test, which then counts as none.
 * @returns In the order given, 1 at most.
 * @throws MedAwareError `config` for what is no list of such numbers.
 * @see S. Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979); R's `p.adjust(p, 'holm')`.
 */
export function holm(pValues: readonly number[]): number[]
export function holm(pValues: readonly (number | null)[]): (number | null)[]
export function holm(pValues: readonly (number | null)[]): (number | null)[] {
  readArgument('holm', 'pValues', pValues, listOf(orNull(number({ from: 0, to: 1 }))))
  const tests = pValues.flatMap((p, i) => (p === null ? [] : [{ p, i }])).sort((a, b) => a.p - b.p)
  const adjusted = pValues.map((): number | null => null)
  let least = 0
  for (const [rank, { p, i }] of tests.entries()) {
    least = Math.max(least, Math.min(1, p * (tests.length - rank)))
    adjusted[i] = least
  }
  return adjusted
}
