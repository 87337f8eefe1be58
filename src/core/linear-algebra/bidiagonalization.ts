import { Random } from '../random.ts'
import { type DenseMatrix, firstColumns, firstRows, norm, product, rowOf, transposed, zeros } from './dense-matrix.ts'
import type { LinearMap } from './linear-map.ts'
import { OrthogonalRows } from './orthogonal-rows.ts'
import type { Svd } from './thin-svd.ts'

/** Vectors that are multiplied at once, and how often a singular value may repeat and still be found each time. */
export const block = 4

/**
 * Two growing sets of orthonormal vectors with A V = U T: block Lanczos bidiagonalisation with full orthogonalisation
 * (Golub, Luk & Overton 1981). A must have at least as many rows as columns.
 */
export class Bidiagonalization {
  /** U, one vector a row. */
  readonly #left: OrthogonalRows
  /** V, and behind it the vectors that come next. */
  readonly #right: OrthogonalRows
  /** T as rows. */
  #projected = zeros(0, 0)
  /** What of Aᵀ u is along the vectors that come next, for each of the last vectors u: [last, next]. */
  #coupling = zeros(0, 0)

  /** @param most How many vectors of each side there may be. */
  constructor(
    readonly map: LinearMap,
    readonly most: number,
    seed: number,
  ) {
    const random = new Random(seed)
    this.#left = new OrthogonalRows(most, map.rows, random)
    this.#right = new OrthogonalRows(Math.min(most + block, map.columns), map.columns, random)
    const first = Math.min(block, most)
    for (let i = 0; i < first; i++) this.#right.add(Float64Array.from({ length: map.columns }, () => random.normal()))
  }

  /** How many vectors each side has. */
  get count(): number {
    return this.#left.count
  }

  /** T. */
  get projected(): DenseMatrix {
    return this.#projected
  }

  /** Whether V is all there is. */
  get isWhole(): boolean {
    return this.count === this.map.columns
  }

  /** Takes in the vectors that come next. */
  expand(): void {
    const [before, count] = [this.count, Math.min(this.#right.count, this.most)]
    const images = this.map.times(lastRows(this.#right.rows, before, count))
    const grown = zeros(count, count)
    for (let i = 0; i < before; i++) rowOf(grown, i).set(rowOf(this.#projected, i))
    for (let i = before; i < count; i++) {
      const parts = this.#left.add(rowOf(images, i - before))
      for (const [row, part] of parts.entries()) grown.values[row * count + i] = part
    }
    this.#projected = grown
    const back = this.map.transposedTimes(lastRows(this.#left.rows, before, count))
    const next = Math.min(block, this.map.columns - count)
    this.#coupling = zeros(count - before, next)
    for (let i = 0; i < next; i++) {
      const parts = i < back.rows ? this.#right.add(rowOf(back, i)) : this.#right.add(new Float64Array(back.columns))
      rowOf(this.#coupling, i).set(parts.subarray(count))
    }
  }

  /** How far the first `count` pairs of A are from being its singular vectors: the largest |Aᵀ u − s v|. */
  residual({ u }: Svd, count: number): number {
    const { rows: last } = this.#coupling
    const from = u.rows - last
    const ends = Array.from({ length: count }, (_, i) => {
      const end = zeros(1, last)
      for (let j = 0; j < last; j++) end.values[j] = u.values[(from + j) * u.columns + i] as number
      return norm(product(end, this.#coupling).values)
    })
    return Math.max(0, ...ends)
  }

  /** Singular vectors of A, of those of T. */
  vectors({ u, s, vt }: Svd, count: number): Svd {
    const left = product(transposed(firstColumns(u, count)), this.#left.rows)
    const right = product(firstRows(vt, count), firstRows(this.#right.rows, this.count))
    return { u: transposed(left), s: s.slice(0, count), vt: right }
  }

  /** Keeps the best vectors alone, and those that come next (Baglama & Reichel 2005). */
  restart(svd: Svd, kept: number): void {
    const { u, s, vt } = this.vectors(svd, kept)
    const next = lastRows(this.#right.rows, this.count, this.#right.count)
    const right = zeros(kept + next.rows, this.map.columns)
    right.values.set(vt.values)
    right.values.set(next.values, vt.values.length)
    this.#left.replace(transposed(u))
    this.#right.replace(right)
    this.#projected = zeros(kept, kept)
    for (let i = 0; i < kept; i++) this.#projected.values[i * kept + i] = s[i] as number
  }
}

/** Rows from one to another, as a window. */
function lastRows({ columns, values }: DenseMatrix, from: number, to: number): DenseMatrix {
  return { rows: to - from, columns, values: values.subarray(from * columns, to * columns) }
}
