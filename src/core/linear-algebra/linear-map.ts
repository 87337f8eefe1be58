import { type DenseMatrix, rowOf, zeros } from './dense-matrix.ts'

/** A matrix that is only multiplied with: [rows, columns]. Vectors come and go as the rows of a matrix. */
export interface LinearMap {
  readonly rows: number
  readonly columns: number
  /** A x of each row x: [n, columns] to [n, rows]. */
  readonly times: (x: DenseMatrix) => DenseMatrix
  /** Aᵀ y of each row y: [n, rows] to [n, columns]. */
  readonly transposedTimes: (y: DenseMatrix) => DenseMatrix
}

/** A matrix of f32 or f64, row by row, as a linear map; the products are in double precision. */
export function linearMap(values: Float32Array | Float64Array, rows: number, columns: number): LinearMap {
  return {
    rows,
    columns,
    times: (x) => inFours(x, rows, (four, out) => fourTimes(values, rows, columns, four, out)),
    transposedTimes: (y) => inFours(y, columns, (four, out) => fourTransposedTimes(values, rows, columns, four, out)),
  }
}

/** Aᵀ. */
export function transposedMap({ rows, columns, times, transposedTimes }: LinearMap): LinearMap {
  return { rows: columns, columns: rows, times: transposedTimes, transposedTimes: times }
}

/** Four vectors at a time, so that a matrix in memory is read for four products at once. */
function inFours(x: DenseMatrix, length: number, times: (four: Float64Array, out: Float64Array) => void): DenseMatrix {
  const made = zeros(x.rows, length)
  for (let begin = 0; begin < x.rows; begin += 4) {
    const [four, out] = [new Float64Array(4 * x.columns), new Float64Array(4 * length)]
    const count = Math.min(4, x.rows - begin)
    for (let i = 0; i < count; i++) interleave(rowOf(x, begin + i), four, i)
    times(four, out)
    for (let i = 0; i < count; i++) pick(out, i, rowOf(made, begin + i))
  }
  return made
}

function interleave(row: Float64Array, four: Float64Array, place: number): void {
  for (let j = 0, to = place; j < row.length; j++, to += 4) four[to] = row[j] as number
}

function pick(four: Float64Array, place: number, row: Float64Array): void {
  for (let j = 0, from = place; j < row.length; j++, from += 4) row[j] = four[from] as number
}

/** out[i] = Σⱼ a[i, j] x[j] of four interleaved vectors. */
function fourTimes(
  a: Float32Array | Float64Array,
  rows: number,
  columns: number,
  x: Float64Array,
  out: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    let [p, q, r, s] = [0, 0, 0, 0]
    for (let at = i * columns, from = 0; from < 4 * columns; at++, from += 4) {
      const w = a[at] as number
      p += w * (x[from] as number)
      q += w * (x[from + 1] as number)
      r += w * (x[from + 2] as number)
      s += w * (x[from + 3] as number)
    }
    out[4 * i] = p
    out[4 * i + 1] = q
    out[4 * i + 2] = r
    out[4 * i + 3] = s
  }
}

/** out[j] = Σᵢ a[i, j] y[i] of four interleaved vectors. */
function fourTransposedTimes(
  a: Float32Array | Float64Array,
  rows: number,
  columns: number,
  y: Float64Array,
  out: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    const p = y[4 * i] as number
    const q = y[4 * i + 1] as number
    const r = y[4 * i + 2] as number
    const s = y[4 * i + 3] as number
    for (let at = i * columns, to = 0; to < 4 * columns; at++, to += 4) {
      const w = a[at] as number
      out[to] = (out[to] as number) + w * p
      out[to + 1] = (out[to + 1] as number) + w * q
      out[to + 2] = (out[to + 2] as number) + w * r
      out[to + 3] = (out[to + 3] as number) + w * s
    }
  }
}
