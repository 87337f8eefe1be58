import { TorchRandom } from '../torch-random.ts'
import { addScaled, type DenseMatrix, dot, firstRows, rowOf, scale, transposed, zeros } from './dense-matrix.ts'
import { linearMap } from './linear-map.ts'
import { svdLowrank } from './svd-lowrank.ts'

/** torch's generator is seeded so before each decomposition, and its rounds are so many. */
const [seed, iterations] = [42, 4]

/**
 * The main directions of rows that come batch by batch, of which only `count` directions and a few sums are kept
 * (Ross et al. 2008; peft/utils/incremental_pca.py with lowrank, which EVA uses: the random vectors are torch's). What
 * PEFT does in f32 with the first batch, and in f64 with the others, is in f64 here.
 */
export class IncrementalPca {
  #components: DenseMatrix | null = null
  #values = new Float64Array(0)
  #mean = new Float64Array(0)
  #variance = new Float64Array(0)
  #seen = 0

  /** @param count At most the number of columns. */
  constructor(readonly count: number) {}

  /** Orthonormal rows [count, columns], whose largest element is positive; `null` before the first batch. */
  get components(): DenseMatrix | null {
    return this.#components
  }

  /** Singular values of the rows without their mean, one a component, falling. */
  get singularValues(): Float64Array {
    return this.#values
  }

  /** The part of the variance that each component explains. */
  get explainedVarianceRatio(): Float64Array {
    const total = this.#variance.reduce((sum, value) => sum + value, 0)
    return this.#values.map((value) => (value * value) / total)
  }

  /** Takes in rows, at least `count`; they are written over. */
  take(x: DenseMatrix): void {
    const before = this.#components
    const [meanBefore, seenBefore] = [this.#mean, this.#seen]
    const mean = meanOf(x)
    this.#note(x, mean)
    for (let i = 0; i < x.rows; i++) addScaled(rowOf(x, i), -1, mean)
    const all = before === null ? x : withBefore(before, this.#values, x)
    if (before !== null) {
      const last = rowOf(all, all.rows - 1)
      last.set(meanBefore.map((value, j) => value - (mean[j] ?? 0)))
      scale(last, Math.sqrt((seenBefore / this.#seen) * x.rows))
    }
    const draw = (rows: number, columns: number): DenseMatrix => {
      const values = new TorchRandom(seed).normal(rows * columns, before === null ? 'f32' : 'f64')
      // torch draws them as columns.
      return transposed({ rows: columns, columns: rows, values })
    }
    const { s, vt } = svdLowrank(linearMap(all.values, all.rows, all.columns), 2 * this.count, iterations, draw)
    this.#components = withSigns(firstRows(vt, this.count))
    this.#values = s.slice(0, this.count)
  }

  /** Takes rows into mean and variance (`_incremental_mean_and_var`); the variance is a sum of squares here. */
  #note(x: DenseMatrix, mean: Float64Array): void {
    const [before, seen] = [this.#seen, this.#seen + x.rows]
    if (before === 0) [this.#mean, this.#variance] = [new Float64Array(x.columns), new Float64Array(x.columns)]
    const weight = (before * x.rows) / seen
    this.#variance = this.#variance.map((sum, j) => {
      const own = mean[j] as number
      let squares = 0
      for (let at = j; at < x.values.length; at += x.columns) squares += ((x.values[at] as number) - own) ** 2
      return sum + squares + weight * ((this.#mean[j] as number) - own) ** 2
    })
    this.#mean = this.#mean.map((value, j) => (value * before + (mean[j] as number) * x.rows) / seen)
    this.#seen = seen
  }
}

/** The cosine between rows of the same place. */
export function cosines(a: DenseMatrix, b: DenseMatrix): readonly number[] {
  return Array.from({ length: a.rows }, (_, i) => {
    const [x, y] = [rowOf(a, i), rowOf(b, i)]
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
  })
}

function meanOf(x: DenseMatrix): Float64Array {
  const sum = new Float64Array(x.columns)
  for (let i = 0; i < x.rows; i++) addScaled(sum, 1, rowOf(x, i))
  return sum.map((value) => value / x.rows)
}

/** Components times their values, the rows, and a row of zeros for what the mean moved. */
function withBefore(components: DenseMatrix, values: Float64Array, x: DenseMatrix): DenseMatrix {
  const all = zeros(components.rows + x.rows + 1, x.columns)
  for (const [i, value] of values.entries()) addScaled(rowOf(all, i), value, rowOf(components, i))
  all.values.set(x.values, components.values.length)
  return all
}

/** A copy whose rows have a positive largest element. */
function withSigns(rows: DenseMatrix): DenseMatrix {
  const made = { ...rows, values: rows.values.slice() }
  for (let i = 0; i < made.rows; i++) {
    const row = rowOf(made, i)
    const largest = row.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
    if (largest < 0) scale(row, -1)
  }
  return made
}
