/** A matrix on the host in double precision, row by row. */
export interface DenseMatrix {
  readonly rows: number
  readonly columns: number
  /** `rows · columns` elements. */
  readonly values: Float64Array
}

/** A matrix of zeros. */
export function zeros(rows: number, columns: number): DenseMatrix {
  return { rows, columns, values: new Float64Array(rows * columns) }
}

/** A matrix of given elements, row by row; they are copied. */
export function matrixOf(values: ArrayLike<number>, rows: number, columns: number): DenseMatrix {
  return { rows, columns, values: new Float64Array(values) }
}

/** A row, as a window of the matrix. @param from The first column. */
export function rowOf({ columns, values }: DenseMatrix, row: number, from = 0): Float64Array {
  return values.subarray(row * columns + from, (row + 1) * columns)
}

/** The first rows, as a window of the matrix. */
export function firstRows({ columns, values }: DenseMatrix, rows: number): DenseMatrix {
  return { rows, columns, values: values.subarray(0, rows * columns) }
}

/** The first columns, copied. */
export function firstColumns(a: DenseMatrix, columns: number): DenseMatrix {
  const made = zeros(a.rows, columns)
  for (let i = 0; i < a.rows; i++) rowOf(made, i).set(rowOf(a, i).subarray(0, columns))
  return made
}

/** Aᵀ. */
export function transposed(a: DenseMatrix): DenseMatrix {
  const made = zeros(a.columns, a.rows)
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0, at = i; j < a.columns; j++, at += a.rows) made.values[at] = a.values[i * a.columns + j] as number
  }
  return made
}

/** A B. */
export function product(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const made = zeros(a.rows, b.columns)
  for (let i = 0; i < a.rows; i++) {
    const row = rowOf(made, i)
    for (let k = 0; k < a.columns; k++) addScaled(row, a.values[i * a.columns + k] as number, rowOf(b, k))
  }
  return made
}

/** x · y. */
export function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (y[i] as number)
  return sum
}

/** √(x · x). */
export function norm(x: Float64Array): number {
  return Math.sqrt(dot(x, x))
}

/** y += factor · x. */
export function addScaled(y: Float64Array, factor: number, x: Float64Array): void {
  if (factor === 0) return
  for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) + factor * (x[i] as number)
}

/** x *= factor. */
export function scale(x: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) * factor
}

/** Turns two vectors by an angle: x, y become c x + s y, c y − s x. */
export function rotate(x: Float64Array, y: Float64Array, c: number, s: number): void {
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i] as number, y[i] as number]
    x[i] = c * a + s * b
    y[i] = c * b - s * a
  }
}
