import { type DenseMatrix, product, transposed } from './dense-matrix.ts'
import { type LinearMap, transposedMap } from './linear-map.ts'
import { thinQr } from './thin-qr.ts'
import { type Svd, thinSvd } from './thin-svd.ts'

/**
 * An approximation by `q` singular values as torch.svd_lowrank makes it: `iterations` rounds of subspace iteration from
 * random vectors (Halko, Martinsson & Tropp, arXiv 0909.4061, algorithms 4.4 and 5.1; torch/_lowrank.py). There are no
 * more values than the smaller side has.
 * @param draw The vectors that it begins with, a row each.
 */
export function svdLowrank(
  a: LinearMap,
  q: number,
  iterations: number,
  draw: (rows: number, columns: number) => DenseMatrix,
): Svd {
  if (a.rows < a.columns) {
    const { u, s, vt } = svdLowrank(transposedMap(a), q, iterations, draw)
    return { u: transposed(vt), s, vt: transposed(u) }
  }
  let basis = orthonormalRows(a.times(draw(q, a.columns)))
  for (let i = 0; i < iterations; i++) {
    basis = orthonormalRows(a.times(orthonormalRows(a.transposedTimes(basis))))
  }
  const { u, s, vt } = thinSvd(a.transposedTimes(basis))
  return { u: product(transposed(basis), u), s, vt }
}

function orthonormalRows(x: DenseMatrix): DenseMatrix {
  return transposed(thinQr(transposed(x)).q)
}
