import { check } from '../errors.ts'
import { type DenseMatrix, product, rowOf, scale, transposed, zeros } from './dense-matrix.ts'
import { diagonalize } from './diagonalize.ts'
import { columnOf, productOf, reflectColumns, type Reflection, reflectionOf, reflectRows } from './reflection.ts'
import { thinQr } from './thin-qr.ts'

/** A = U diag(s) Vᵀ: U [rows, count] and V [columns, count] with orthonormal columns, s ≥ 0 and falling. */
export interface Svd {
  readonly u: DenseMatrix
  readonly s: Float64Array
  /** Vᵀ, [count, columns]. */
  readonly vt: DenseMatrix
}

/**
 * The thin singular value decomposition, of `min(rows, columns)` values: QR where a side is much longer, reduction to
 * bidiagonal form, implicit QR steps (Golub & Van Loan, Matrix Computations, sections 5.4 and 8.6). Each pair of
 * singular vectors may have another sign than torch.linalg.svd's.
 * @throws MedAwareError `numeric` where an element is not finite.
 */
export function thinSvd(a: DenseMatrix): Svd {
  check(a.values.every(Number.isFinite), 'numeric', () => 'thinSvd: the matrix has elements that are not finite')
  if (a.rows < a.columns) {
    const { u, s, vt } = thinSvd(transposed(a))
    return { u: transposed(vt), s, vt: transposed(u) }
  }
  if (a.rows > 1.5 * a.columns) {
    const { q, r } = thinQr(a)
    const { u, s, vt } = thinSvd(r)
    return { u: product(q, u), s, vt }
  }
  const n = a.columns
  const { left, right, diagonal, above } = bidiagonal(a)
  const ut = transposed(productOf(left, a.rows, n))
  const vt = transposed(productOf(right, n, n))
  diagonalize(diagonal, above, ut, vt)
  return sorted(ut, diagonal, vt)
}

/** A = H₀ H₁ … B … G₁ G₀ with B upper bidiagonal (LAPACK, dgebd2). */
function bidiagonal(a: DenseMatrix): {
  readonly left: readonly Reflection[]
  readonly right: readonly Reflection[]
  readonly diagonal: Float64Array
  readonly above: Float64Array
} {
  const { columns: n } = a
  const work = { ...a, values: a.values.slice() }
  const [left, right]: [Reflection[], Reflection[]] = [[], []]
  const [diagonal, above] = [new Float64Array(n), new Float64Array(n)]
  for (let k = 0; k < n; k++) {
    const down = reflectionOf(columnOf(work, k, k))
    reflectColumns(work, down, k, k)
    left.push(down)
    diagonal[k] = down.beta
    if (k + 1 === n) break
    const across = reflectionOf(rowOf(work, k, k + 1))
    reflectRows(work, across, k, k + 1)
    right.push(across)
    above[k] = across.beta
  }
  return { left, right, diagonal, above }
}

/** Positive values in falling order, with their vectors. */
function sorted(ut: DenseMatrix, values: Float64Array, vt: DenseMatrix): Svd {
  const order = [...values.keys()].sort((i, j) => Math.abs(values[j] as number) - Math.abs(values[i] as number))
  const [left, right] = [zeros(ut.rows, ut.columns), zeros(vt.rows, vt.columns)]
  const s = Float64Array.from(order, (from, to) => {
    rowOf(left, to).set(rowOf(ut, from))
    rowOf(right, to).set(rowOf(vt, from))
    const value = values[from] as number
    if (value < 0) scale(rowOf(right, to), -1)
    return Math.abs(value)
  })
  return { u: transposed(left), s, vt: right }
}
