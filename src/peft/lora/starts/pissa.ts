import { type DenseMatrix, matrixOf } from '../../../core/linear-algebra/dense-matrix.ts'
import { linearMap } from '../../../core/linear-algebra/linear-map.ts'
import { svdLowrank } from '../../../core/linear-algebra/svd-lowrank.ts'
import type { Svd } from '../../../core/linear-algebra/thin-svd.ts'
import { truncatedSvd } from '../../../core/linear-algebra/truncated-svd.ts'
import type { BaseStart, StartingFactors } from './base-start.ts'

/**
 * PiSSA: the largest singular values of the base's weight, half of each on either side: A = √(S/scaling) Vᵀ,
 * B = U √(S/scaling). arXiv 2404.02948; peft/tuners/lora/layer.py, pissa_init.
 */
export const pissa: BaseStart = {
  besideWeight: null,
  factors: ({ values, rows, columns }, rank, scaling) => {
    return halved(truncatedSvd(linearMap(values, rows, columns), rank), scaling)
  },
}

/** PiSSA by torch's svd_lowrank: an approximation from random vectors. @param iterations Of its rounds. */
export function quickPissa(iterations: number): BaseStart {
  return {
    besideWeight: 'draws at random',
    factors: ({ values, rows, columns }, rank, scaling, random) => {
      const draw = (count: number, length: number) =>
        matrixOf(
          Float64Array.from({ length: count * length }, () => random.normal()),
          count,
          length,
        )
      return halved(svdLowrank(linearMap(values, rows, columns), rank, iterations, draw), scaling)
    },
  }
}

/** Singular vectors, each with the root of its value; the values are divided by a scaling before. */
export function halved({ u, s, vt }: Svd, scaling: number): StartingFactors {
  const roots = s.map((value) => Math.sqrt(value / scaling))
  const root = (i: number) => roots[i] ?? 0
  return {
    a: toF32(vt, (value, i) => value * root(Math.floor(i / vt.columns))),
    b: toF32(u, (value, i) => value * root(i % u.columns)),
  }
}

function toF32({ values }: DenseMatrix, change: (value: number, i: number) => number): Float32Array {
  return Float32Array.from(values, change)
}
