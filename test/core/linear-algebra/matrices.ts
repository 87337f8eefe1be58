import {
  type DenseMatrix,
  matrixOf,
  product,
  transposed,
  zeros,
} from '../../../src/core/linear-algebra/dense-matrix.ts'
import type { Svd } from '../../../src/core/linear-algebra/thin-svd.ts'
import { Random } from '../../../src/core/random.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

/** A matrix of make_linear_algebra.py and what torch.linalg makes of it. */
export interface TorchCase {
  readonly shape: readonly [number, number]
  readonly a: readonly number[]
  readonly q: readonly number[]
  readonly r: readonly number[]
  readonly s: readonly number[]
}

export async function torchCases(): Promise<readonly (readonly [string, TorchCase])[]> {
  const text = new TextDecoder().decode(await readFixture('linear-algebra.json'))
  return Object.entries(JSON.parse(text) as Record<string, TorchCase>)
}

export function randomMatrix(rows: number, columns: number, seed: number): DenseMatrix {
  const random = new Random(seed)
  return matrixOf(
    Float64Array.from({ length: rows * columns }, () => random.normal()),
    rows,
    columns,
  )
}

/** The largest difference between elements. */
export function largestDifference(a: DenseMatrix, b: DenseMatrix): number {
  if (a.rows !== b.rows || a.columns !== b.columns) return Infinity
  return a.values.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.values[i] ?? NaN))), 0)
}

/** How far the columns are from being orthonormal. */
export function lackOfOrthogonality(a: DenseMatrix): number {
  const identity = zeros(a.columns, a.columns)
  for (let i = 0; i < a.columns; i++) identity.values[i * a.columns + i] = 1
  return largestDifference(product(transposed(a), a), identity)
}

/** U diag(s) Vᵀ. */
export function composed({ u, s, vt }: Svd): DenseMatrix {
  const scaled = matrixOf(
    u.values.map((value, i) => value * (s[i % u.columns] ?? NaN)),
    u.rows,
    u.columns,
  )
  return product(scaled, vt)
}
