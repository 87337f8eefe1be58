import { type Check, within } from '../golden/check.ts'

/** What is known of a tensor's numbers. */
export interface Known {
  readonly sum: number
  readonly squares: number
  readonly first: readonly number[]
}

/** Sums, sums of squares and first values of many tensors, beside those that they should have. */
export class Totals {
  #count = 0
  #differing = 0
  #furthest = 0

  /** In double precision; a sum is off by as large a share as it is of the sum of magnitudes. */
  add(values: Float32Array, { sum, squares, first }: Known): void {
    const ownSum = sumOf(values, (value) => value)
    const ownSquares = sumOf(values, (value) => value * value)
    const magnitudes = sumOf(values, Math.abs)
    const [one, other] = [Math.abs(ownSum - sum) / magnitudes, Math.abs(ownSquares - squares) / squares]
    this.#furthest = Math.max(this.#furthest, one, other)
    this.#differing += +first.some((value, i) => values[i] !== value)
    this.#count++
  }

  checks(what: string): Check[] {
    return [
      within(`${what}: tensors whose first values differ, of ${this.#count}`, [this.#differing], [0], 0),
      within(`${what}: sums and sums of squares, as shares`, [this.#furthest], [0], 1e-13),
    ]
  }
}

/** A sum of sums of 1024: of 28 million numbers one after another it would be off in its tenth digit. */
function sumOf(values: Float32Array, of: (value: number) => number): number {
  let sum = 0
  for (let begin = 0; begin < values.length; begin += 1024) {
    const end = Math.min(begin + 1024, values.length)
    let part = 0
    for (let i = begin; i < end; i++) part += of(values[i] ?? NaN)
    sum += part
  }
  return sum
}
