import { describe, expect, it } from 'vitest'
import { firstColumns, firstRows, matrixOf, product } from '../../../src/core/linear-algebra/dense-matrix.ts'
import { thinQr } from '../../../src/core/linear-algebra/thin-qr.ts'
import { lackOfOrthogonality, largestDifference, randomMatrix, torchCases } from './matrices.ts'

describe('the thin QR decomposition', async () => {
  it.each(await torchCases())(
    "of a matrix %s is torch's, signs and all",
    (_name, { shape: [rows, columns], a, q, r }) => {
      const count = Math.min(rows, columns)
      const made = thinQr(matrixOf(a, rows, columns))
      expect(lackOfOrthogonality(made.q)).toBeLessThan(1e-14)
      expect(largestDifference(product(made.q, made.r), matrixOf(a, rows, columns))).toBeLessThan(1e-14)
      expect(largestDifference(made.r, matrixOf(r, count, columns))).toBeLessThan(1e-14)
      // A column of Q is as sure as its part of R is large.
      const sizes = Array.from({ length: count }, (_, i) => Math.abs(made.r.values[i * columns + i] ?? NaN))
      const condition = Math.max(...sizes) / Math.min(...sizes)
      const difference = largestDifference(made.q, matrixOf(q, rows, count))
      if (condition > 0) expect(difference).toBeLessThanOrEqual(1e-14 * condition)
      else expect(difference).toBe(0)
    },
  )

  it('of a few columns is the beginning of the whole', () => {
    const a = randomMatrix(40, 25, 3)
    const [whole, few] = [thinQr(a), thinQr(a, 4)]
    expect(largestDifference(few.q, firstColumns(whole.q, 4))).toBeLessThan(1e-15)
    expect(largestDifference(few.r, firstRows(whole.r, 4))).toBe(0)
  })
})
