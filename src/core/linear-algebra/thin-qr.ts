import { type DenseMatrix, rowOf, zeros } from './dense-matrix.ts'
import { columnOf, productOf, reflectColumns, type Reflection, reflectionOf } from './reflection.ts'

/** A = Q R: Q [rows, count] with orthonormal columns, R [count, columns] upper triangular. */
export interface ThinQr {
  readonly q: DenseMatrix
  readonly r: DenseMatrix
}

/**
 * The thin QR decomposition by Householder reflections, with LAPACK's signs, which are torch.linalg.qr's.
 * @param count How many columns of Q and rows of R; fewer cost less. Default: all, the smaller side of `a`.
 */
export function thinQr(a: DenseMatrix, count = Math.min(a.rows, a.columns)): ThinQr {
  const work = { ...a, values: a.values.slice() }
  const reflections: Reflection[] = []
  for (let j = 0; j < count; j++) {
    const reflection = reflectionOf(columnOf(work, j, j))
    reflectColumns(work, reflection, j, j)
    reflections.push(reflection)
  }
  const r = zeros(count, a.columns)
  for (let i = 0; i < count; i++) rowOf(r, i, i).set(rowOf(work, i, i))
  return { q: productOf(reflections, a.rows, count), r }
}
