import type { Random } from '../random.ts'
import { addScaled, type DenseMatrix, dot, firstRows, norm, rowOf, scale, zeros } from './dense-matrix.ts'

/** Vectors of a length that are orthonormal, one a row, and grow by one at a time. */
export class OrthogonalRows {
  readonly #all: DenseMatrix
  #count = 0

  constructor(
    capacity: number,
    length: number,
    readonly random: Random,
  ) {
    this.#all = zeros(capacity, length)
  }

  get count(): number {
    return this.#count
  }

  /** Those there are, as a window. */
  get rows(): DenseMatrix {
    return firstRows(this.#all, this.#count)
  }

  /**
   * Adds what of a vector is not in those there are, by Gram-Schmidt twice, which is enough (Giraud, Langou & Rozložník
   * 2005). A vector that is in them gives a random one.
   * @returns The vector's parts along those there are, and behind them its length along the new one.
   */
  add(vector: Float64Array): Float64Array {
    const row = rowOf(this.#all, this.#count)
    row.set(vector)
    const parts = new Float64Array(this.#count + 1)
    const whole = norm(row)
    this.#takeOut(row, parts)
    this.#takeOut(row, parts)
    const rest = norm(row)
    if (rest > 1e-13 * whole) {
      parts[this.#count] = rest
      scale(row, 1 / rest)
      // What is left of a vector that is nearly in them is as coarse as it is short.
      if (rest < 1e-3 * whole) this.#takeOut(row)
    } else this.#draw(row)
    scale(row, 1 / norm(row))
    this.#count++
    return parts
  }

  /** Puts others in the place of all. */
  replace({ rows, values }: DenseMatrix): void {
    this.#all.values.set(values)
    this.#count = rows
  }

  #draw(row: Float64Array): void {
    do {
      for (let i = 0; i < row.length; i++) row[i] = this.random.normal()
      scale(row, 1 / norm(row))
      this.#takeOut(row)
      this.#takeOut(row)
    } while (norm(row) < 1e-6)
  }

  #takeOut(row: Float64Array, parts = new Float64Array(this.#count)): void {
    for (let i = 0; i < this.#count; i++) {
      const one = rowOf(this.#all, i)
      const part = dot(row, one)
      addScaled(row, -part, one)
      parts[i] = (parts[i] as number) + part
    }
  }
}
