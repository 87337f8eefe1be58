/** One line of the parity report. */
export type Check =
  | { readonly name: string; readonly error: number; readonly bound: number; readonly ok: boolean }
  | { readonly name: string; readonly unsupported: string }

/** A check that does not apply, and why. */
export interface LeftOut {
  readonly name: string
  readonly leftOut: string
}

/** Largest absolute difference, compared with `bound`. */
export function within(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>, bound: number): Check {
  const error = actual.length === expected.length ? largestDifference(actual, expected) : Infinity
  return { name, error, bound, ok: error <= bound }
}

/** Largest difference as a share of the largest expected entry. */
export function withinShare(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number,
): Check {
  const largest = Math.max(1e-30, largestMagnitude(expected))
  const error = actual.length === expected.length ? largestDifference(actual, expected) / largest : Infinity
  return { name, error, bound, ok: error <= bound }
}

/** Whether two texts are the same; the error is where they part. */
export function same(name: string, actual: string, expected: string): Check {
  const least = Math.min(actual.length, expected.length)
  let at = 0
  while (at < least && actual[at] === expected[at]) at++
  const ok = actual === expected
  const line = (text: string) => text.slice(text.lastIndexOf('\n', at - 1) + 1).split('\n')[0] ?? ''
  return { name: ok ? name : `${name}: ${line(actual)} for ${line(expected)}`, error: ok ? 0 : at + 1, bound: 0, ok }
}

/** Number of entries that differ by more than `slack`; none may. */
export function equal(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>, slack = 0): Check {
  const differing =
    actual.length === expected.length
      ? Array.from(expected).filter((value, i) => !(Math.abs((actual[i] ?? NaN) - value) <= slack)).length
      : Infinity
  return { name, error: differing, bound: 0, ok: differing === 0 }
}

/** The worst of several checks, under one name. */
export function worst(name: string, checks: readonly Check[]): Check {
  const rank = (check: Check) => ('ok' in check ? (check.ok ? check.error / (check.bound || 1) : Infinity) : -1)
  const [first] = [...checks].sort((a, b) => rank(b) - rank(a))
  if (first === undefined) return { name, unsupported: 'nothing to compare' }
  return { ...first, name: `${name} (${checks.length}, worst ${first.name})` }
}

/** The largest of any number of entries, without their signs; NaN where one is. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i] ?? NaN)
    if (!(magnitude <= largest)) largest = magnitude
    if (Number.isNaN(largest)) break
  }
  return largest
}

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((actual[i] ?? NaN) - (expected[i] ?? NaN))
    if (!(difference <= largest)) largest = difference
    if (Number.isNaN(largest)) break
  }
  return largest
}
