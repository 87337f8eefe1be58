import type { Random } from '../random.ts'
import { type DenseMatrix, product, transposed } from './dense-matrix.ts'
import { type LinearMap, transposedMap } from './linear-map.ts'
import { thinQr } from './thin-qr.ts'
import { type Svd, thinSvd } from './thin-svd.ts'

/**
 * An approximation by `q` singular values as torch.svd_lowrank makes it: `iterations` rounds of subspace iteration from
 * random vectors (Halko, Martinsson & Tropp, arXiv 0909.4061, algorithms 4.4 and 5.1; torch/_lowrank.py). The vectors
 * are not those that torch draws. `q` is at most the smaller side.
 */
export function svdLowrank(a: LinearMap, q: number, iterations: number, random: Random): Svd {
  if (a.rows < a.columns) {
    const { u, s, vt } = svdLowrank(transposedMap(a), q, iterations, random)
    return { u: transposed(vt), s, vt: transposed(u) }
  }
  const drawn = Float64Array.from({ length: q * a.columns }, () => random.normal())
  let basis = orthonormalRows(a.times({ rows: q, columns: a.columns, values: drawn }))
  for (let i = 0; i < iterations; i++) {
    basis = orthonormalRows(a.times(orthonormalRows(a.transposedTimes(basis))))
  }
  const { u, s, vt } = thinSvd(a.transposedTimes(basis))
  return { u: product(transposed(basis), u), s, vt }
}

function orthonormalRows(x: DenseMatrix): DenseMatrix {
  return transposed(thinQr(transposed(x)).q)
}
