import { addScaled, type DenseMatrix, dot, norm, rowOf, zeros } from './dense-matrix.ts'

/** A Householder reflection I − τ v vᵀ, with v[0] = 1. */
export interface Reflection {
  readonly v: Float64Array
  readonly tau: number
}

/**
 * The reflection that maps x to (beta, 0, …, 0), with LAPACK's sign: beta is opposite to x[0], and x stays as it is
 * where it is of that form already (LAPACK, dlarfg).
 */
export function reflectionOf(x: Float64Array): Reflection & { readonly beta: number } {
  const [first = 0] = x
  const rest = norm(x.subarray(1))
  const v = Float64Array.from(x)
  v[0] = 1
  if (rest === 0) return { v, tau: 0, beta: first }
  const beta = first < 0 ? Math.hypot(first, rest) : -Math.hypot(first, rest)
  for (let i = 1; i < v.length; i++) v[i] = (v[i] as number) / (first - beta)
  return { v, tau: (beta - first) / beta, beta }
}

/** Reflects the columns of a matrix, from a row and a column on. */
export function reflectColumns(a: DenseMatrix, { v, tau }: Reflection, fromRow: number, fromColumn: number): void {
  if (tau === 0) return
  const sum = new Float64Array(a.columns - fromColumn)
  for (let i = 0; i < v.length; i++) addScaled(sum, v[i] as number, rowOf(a, fromRow + i, fromColumn))
  for (let i = 0; i < v.length; i++) addScaled(rowOf(a, fromRow + i, fromColumn), -tau * (v[i] as number), sum)
}

/** Reflects the rows of a matrix, from a row and a column on. */
export function reflectRows(a: DenseMatrix, { v, tau }: Reflection, fromRow: number, fromColumn: number): void {
  if (tau === 0) return
  for (let i = fromRow; i < a.rows; i++) {
    const row = rowOf(a, i, fromColumn)
    addScaled(row, -tau * dot(row, v), v)
  }
}

/** A column from a row on, copied. */
export function columnOf({ rows, columns, values }: DenseMatrix, column: number, from: number): Float64Array {
  return Float64Array.from({ length: rows - from }, (_, i) => values[(from + i) * columns + column] as number)
}

/**
 * The first columns of H₀ H₁ …, [rows, columns], where the vector of reflection i is as long as the rows that it
 * reflects, the last ones.
 */
export function productOf(reflections: readonly Reflection[], rows: number, columns: number): DenseMatrix {
  const made = zeros(rows, columns)
  for (let i = 0; i < columns; i++) made.values[i * columns + i] = 1
  for (const reflection of reflections.toReversed()) {
    const from = rows - reflection.v.length
    reflectColumns(made, reflection, from, Math.min(from, columns))
  }
  return made
}
