import {
  type DenseMatrix,
  firstColumns,
  firstRows,
  matrixOf,
  product,
  rowOf,
  scale,
  transposed,
} from '../../../core/linear-algebra/dense-matrix.ts'
import { linearMap } from '../../../core/linear-algebra/linear-map.ts'
import { thinQr } from '../../../core/linear-algebra/thin-qr.ts'
import { type Svd, thinSvd } from '../../../core/linear-algebra/thin-svd.ts'
import { truncatedSvd } from '../../../core/linear-algebra/truncated-svd.ts'

/** An update B A on the host, row by row: A [rank, columns], B [rows, rank]. */
export interface LowRank {
  readonly rank: number
  readonly rows: number
  readonly columns: number
  readonly a: Float32Array
  readonly b: Float32Array
}

/** A of all below one another, B of all beside one another, each A multiplied by its factor. */
export function stacked(parts: readonly LowRank[], factors: readonly number[]): LowRank {
  const [{ rows, columns } = { rows: 0, columns: 0 }] = parts
  const rank = parts.reduce((sum, part) => sum + part.rank, 0)
  const [a, b] = [new Float32Array(rank * columns), new Float32Array(rows * rank)]
  let at = 0
  for (const [i, part] of parts.entries()) {
    const factor = factors[i] ?? 1
    a.set(factor === 1 ? part.a : part.a.map((value) => factor * value), at * columns)
    for (let row = 0; row < rows; row++) {
      b.set(part.b.subarray(row * part.rank, (row + 1) * part.rank), row * rank + at)
    }
    at += part.rank
  }
  return { rank, rows, columns, a, b }
}

/** The same update by more factors, which are 0. */
export function padded(part: LowRank, rank: number): LowRank {
  const more = rank - part.rank
  if (more <= 0) return part
  const { rows, columns } = part
  const none = { rank: more, rows, columns, a: new Float32Array(more * columns), b: new Float32Array(rows * more) }
  return stacked([part, none], [1, 1])
}

/** The singular values of B A by those of its small factors: QR of B and Aᵀ, and the SVD of what lies between. */
export function lowRankSvd({ rank, rows, columns, a, b }: LowRank, count: number): Svd {
  if (rank >= Math.min(rows, columns)) return svdOf(denseOf({ rank, rows, columns, a, b }), rows, columns, count)
  const left = thinQr(matrixOf(b, rows, rank))
  const right = thinQr(transposed(matrixOf(a, rank, columns)))
  const { u, s, vt } = thinSvd(product(left.r, transposed(right.r)))
  const most = Math.min(count, rank)
  return {
    u: product(left.q, firstColumns(u, most)),
    s: s.slice(0, most),
    vt: product(firstRows(vt, most), transposed(right.q)),
  }
}

/** The largest singular values of a matrix on the host, at most as many as there are. */
export function svdOf(values: Float32Array, rows: number, columns: number, count: number): Svd {
  return truncatedSvd(linearMap(values, rows, columns), Math.min(count, rows, columns))
}

/** B = U S and A = Vᵀ, as PEFT makes factors of a decomposition. */
export function lowRankOf({ u, s, vt }: Svd): LowRank {
  const ut: DenseMatrix = transposed(u)
  for (const [i, value] of s.entries()) scale(rowOf(ut, i), value)
  const b = new Float32Array(transposed(ut).values)
  return { rank: s.length, rows: u.rows, columns: vt.columns, a: new Float32Array(vt.values), b }
}

/** B A in full. */
export function denseOf({ rank, rows, columns, a, b }: LowRank): Float32Array {
  return new Float32Array(product(matrixOf(b, rows, rank), matrixOf(a, rank, columns)).values)
}
