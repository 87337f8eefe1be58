import { check } from '../errors.ts'
import { Bidiagonalization, block } from './bidiagonalization.ts'
import { transposed } from './dense-matrix.ts'
import { type LinearMap, transposedMap } from './linear-map.ts'
import { type Svd, thinSvd } from './thin-svd.ts'

/** How the largest singular values of a matrix are found. */
export interface TruncatedSvdOptions {
  /** Of the vectors that it begins with. Default 0. */
  readonly seed?: number
  /** How far Aᵀ u may be from s v, beside the largest value. Default 1e-10. */
  readonly tolerance?: number
  /**
   * Vectors of each side that are made before it begins anew from the best half; at least four times `count`. Default
   * 320, which of a matrix [6144,2048] take 21 MB.
   */
  readonly most?: number
}

/**
 * The `count` largest singular values with their vectors, u [rows, count] and vt [count, columns], by block Lanczos
 * bidiagonalisation. It ends when the vectors have converged, so that the values are those of `thinSvd`; a value that
 * is there more than four times may be found four times. The same seed gives the same bits.
 * @throws MedAwareError `config` where there are fewer values, `numeric` where an element is not finite.
 */
export function truncatedSvd(a: LinearMap, count: number, options: TruncatedSvdOptions = {}): Svd {
  const { seed = 0, tolerance = 1e-10 } = options
  const size = Math.min(a.rows, a.columns)
  check(count >= 1 && count <= size, 'config', () => {
    return `truncatedSvd: ${count} singular values of a matrix [${a.rows},${a.columns}], which has ${size}`
  })
  if (a.rows < a.columns) {
    const { u, s, vt } = truncatedSvd(transposedMap(a), count, options)
    return { u: transposed(vt), s, vt: transposed(u) }
  }
  const most = Math.min(Math.max(options.most ?? 320, 4 * count), size)
  const lanczos = new Bidiagonalization(a, most, seed)
  for (let checkAt = 2 * (count + block); ;) {
    lanczos.expand()
    if (lanczos.count < Math.min(checkAt, most)) continue
    const svd = thinSvd(lanczos.projected)
    const isDone = lanczos.isWhole || lanczos.residual(svd, count) <= tolerance * (svd.s[0] as number)
    if (isDone) return lanczos.vectors(svd, count)
    if (lanczos.count === most) lanczos.restart(svd, Math.floor(most / 2))
    checkAt = Math.ceil(1.3 * lanczos.count)
  }
}
