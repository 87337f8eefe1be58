import { check } from '../../../core/errors.ts'
import { rowOf, scale, transposed, matrixOf } from '../../../core/linear-algebra/dense-matrix.ts'
import { type LinearMap, linearMap } from '../../../core/linear-algebra/linear-map.ts'
import { smallestSvd } from '../../../core/linear-algebra/smallest-svd.ts'
import type { Svd } from '../../../core/linear-algebra/thin-svd.ts'
import { truncatedSvd } from '../../../core/linear-algebra/truncated-svd.ts'
import type { CordaConfig } from '../corda-config.ts'
import type { HostMatrix, StartingFactors } from './base-start.ts'
import { halved } from './pissa.ts'

/** What is added to a covariance's diagonal, beside its mean. */
const damping = 0.01

/**
 * CorDA: of W C = U S Vᵀ, C the covariance of a layer's inputs, the largest or the smallest singular values; A =
 * √(S/scaling) Vᵀ C⁻¹ and B = U √(S/scaling). arXiv 2406.05223; peft/tuners/lora/corda.py and layer.py, corda_init.
 * Vᵀ C⁻¹ is S⁻¹ Uᵀ W, so that nothing is inverted, and the damping that PEFT doubles until its inverse in f32 is good
 * enough stays where it begins.
 * @param covariance C without damping, f32 [in, in]; it is written over.
 */
export function cordaFactors(
  weight: HostMatrix,
  covariance: Float32Array,
  method: CordaConfig['cordaMethod'],
  rank: number,
  scaling: number,
): StartingFactors {
  const { rows, columns, values } = weight
  const [w, c] = [linearMap(values, rows, columns), linearMap(covariance, columns, columns)]
  const found = method === 'ipm' ? largest(w, c, rank) : smallest(weight, c, rank)
  const { u, s } = found
  const v = w.transposedTimes(transposed(u))
  for (const [i, value] of s.entries()) scale(rowOf(v, i), value === 0 ? 0 : 1 / value)
  return halved({ u, s, vt: v }, scaling)
}

/** Adds to the diagonal. @throws MedAwareError `numeric` for a covariance of nothing but zeros, or not finite. */
export function damp(covariance: Float32Array, size: number, words: () => string): void {
  let trace = 0
  for (let i = 0; i < size; i++) trace += covariance[i * (size + 1)] as number
  check(trace > 0 && covariance.every(Number.isFinite), 'numeric', words)
  for (let i = 0; i < size; i++) {
    covariance[i * (size + 1)] = (covariance[i * (size + 1)] as number) + (damping * trace) / size
  }
}

/** C is symmetric. */
function largest(w: LinearMap, c: LinearMap, count: number): Svd {
  const both: LinearMap = {
    ...{ rows: w.rows, columns: w.columns },
    times: (x) => w.times(c.times(x)),
    transposedTimes: (y) => c.times(w.transposedTimes(y)),
  }
  return truncatedSvd(both, count)
}

function smallest({ rows, columns, values }: HostMatrix, c: LinearMap, count: number): Svd {
  return smallestSvd(c.times(matrixOf(values, rows, columns)), count)
}
