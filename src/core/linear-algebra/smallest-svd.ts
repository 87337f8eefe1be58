import { type DenseMatrix, dot, product, rowOf, transposed, zeros } from './dense-matrix.ts'
import type { LinearMap } from './linear-map.ts'
import { thinQr } from './thin-qr.ts'
import { type Svd, thinSvd } from './thin-svd.ts'
import { truncatedSvd } from './truncated-svd.ts'

/** How small a diagonal element of R may be beside the largest, so that R's inverse still tells vectors apart. */
const leastPivot = 1e-8

/**
 * The `count` smallest singular values with their vectors, as the end of `thinSvd` has them: the largest of R⁻¹, where
 * A = Q R; the whole decomposition where R is next to singular.
 * @throws MedAwareError as `truncatedSvd`.
 */
export function smallestSvd(a: DenseMatrix, count: number): Svd {
  if (a.rows < a.columns) {
    const { u, s, vt } = smallestSvd(transposed(a), count)
    return { u: transposed(vt), s, vt: transposed(u) }
  }
  const { q, r } = thinQr(a)
  const pivots = Float64Array.from({ length: r.rows }, (_, i) => Math.abs(rowOf(r, i, i)[0] ?? 0))
  const isSingular = !(Math.min(...pivots) > leastPivot * Math.max(...pivots))
  if (isSingular) {
    const { u, s, vt } = thinSvd(r)
    const ut = lastRows(transposed(u), count)
    return { u: product(q, transposed(ut)), s: s.slice(-count), vt: lastRows(vt, count) }
  }
  // R⁻¹ = U S Vᵀ with S falling, so that R = V S⁻¹ Uᵀ with S⁻¹ rising.
  const { u, s, vt } = truncatedSvd(inverseOf(r), count)
  return {
    u: product(q, transposed(reversedRows(vt))),
    s: s.map((value) => 1 / value).reverse(),
    vt: reversedRows(transposed(u)),
  }
}

/** R⁻¹ of an upper triangular R, by substitution. */
function inverseOf(r: DenseMatrix): LinearMap {
  const lower = transposed(r)
  const { rows, columns } = r
  return {
    ...{ rows, columns },
    times: (x) =>
      solved(x, (row) => {
        for (let i = rows - 1; i >= 0; i--) solveAt(row, i, rowOf(r, i), i + 1, rows)
      }),
    transposedTimes: (y) =>
      solved(y, (row) => {
        for (let i = 0; i < rows; i++) solveAt(row, i, rowOf(lower, i), 0, i)
      }),
  }
}

/** x[i] of a triangular system, of which x[from] to x[to] are known. */
function solveAt(x: Float64Array, i: number, row: Float64Array, from: number, to: number): void {
  const known = dot(x.subarray(from, to), row.subarray(from, to))
  x[i] = ((x[i] as number) - known) / (row[i] as number)
}

function solved(x: DenseMatrix, solve: (row: Float64Array) => void): DenseMatrix {
  const made = { ...x, values: x.values.slice() }
  for (let i = 0; i < made.rows; i++) solve(rowOf(made, i))
  return made
}

function lastRows({ rows, columns, values }: DenseMatrix, count: number): DenseMatrix {
  return { rows: count, columns, values: values.slice((rows - count) * columns) }
}

function reversedRows(a: DenseMatrix): DenseMatrix {
  const made = zeros(a.rows, a.columns)
  for (let i = 0; i < a.rows; i++) rowOf(made, a.rows - 1 - i).set(rowOf(a, i))
  return made
}
