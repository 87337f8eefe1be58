import { describe, expect, it } from 'vitest'
import { matrixOf, product, transposed } from '../../../src/core/linear-algebra/dense-matrix.ts'
import { linearMap } from '../../../src/core/linear-algebra/linear-map.ts'
import { svdLowrank } from '../../../src/core/linear-algebra/svd-lowrank.ts'
import { smallestSvd } from '../../../src/core/linear-algebra/smallest-svd.ts'
import { thinSvd } from '../../../src/core/linear-algebra/thin-svd.ts'
import { truncatedSvd } from '../../../src/core/linear-algebra/truncated-svd.ts'
import { composed, lackOfOrthogonality, largestDifference, randomMatrix, torchCases } from './matrices.ts'

describe('the thin singular value decomposition', async () => {
  it.each(await torchCases())("of a matrix %s has torch's values", (_name, { shape: [rows, columns], a, s }) => {
    const matrix = matrixOf(a, rows, columns)
    const made = thinSvd(matrix)
    const largest = Math.max(s[0] ?? 0, 1e-300)
    expect(made.s).toHaveLength(s.length)
    for (const [i, value] of made.s.entries()) expect(Math.abs(value - (s[i] ?? NaN)) / largest).toBeLessThan(2e-15)
    expect(lackOfOrthogonality(made.u)).toBeLessThan(1e-14)
    expect(lackOfOrthogonality(transposed(made.vt))).toBeLessThan(1e-14)
    expect(largestDifference(composed(made), matrix) / largest).toBeLessThan(1e-14)
  })

  it('refuses what is not finite', () => {
    expect(() => thinSvd(matrixOf([1, NaN, 2, 3], 2, 2))).toThrow(
      expect.objectContaining({
        code: 'numeric',
        message: 'thinSvd: the matrix has elements that are not finite',
      }) as Error,
    )
  })
})

describe('the truncated singular value decomposition', () => {
  it.each([
    ['tall', 260, 140],
    ['wide', 130, 240],
  ])('of a %s matrix is the beginning of the whole', (_name, rows, columns) => {
    const a = randomMatrix(rows, columns, 7)
    const [whole, best] = [thinSvd(a), truncatedSvd(linearMap(a.values, rows, columns), 6)]
    for (const [i, value] of best.s.entries()) expect(Math.abs(value / (whole.s[i] ?? NaN) - 1)).toBeLessThan(1e-13)
    expect(lackOfOrthogonality(best.u)).toBeLessThan(1e-13)
    expect(lackOfOrthogonality(transposed(best.vt))).toBeLessThan(1e-13)
    const first = { u: best.u, s: best.s, vt: best.vt }
    const wanted = composed({
      u: matrixOf(
        whole.u.values.filter((_, i) => i % whole.u.columns < 6),
        rows,
        6,
      ),
      s: whole.s.slice(0, 6),
      vt: matrixOf(whole.vt.values.subarray(0, 6 * columns), 6, columns),
    })
    expect(largestDifference(composed(first), wanted)).toBeLessThan(1e-8)
  })

  it('begins anew where its vectors are many, and converges all the same', () => {
    // All values within a few percent: nothing stands out, and 40 vectors are not enough.
    const a = randomMatrix(300, 140, 8)
    const best = truncatedSvd(linearMap(a.values, 300, 140), 5, { tolerance: 1e-12, most: 40 })
    const back = product(transposed(best.u), a)
    const wanted = matrixOf(
      best.vt.values.map((value, i) => value * (best.s[Math.floor(i / 140)] ?? NaN)),
      5,
      140,
    )
    expect(largestDifference(back, wanted)).toBeLessThan(1e-10)
    expect(largestDifference(matrixOf(thinSvd(a).s.slice(0, 5), 1, 5), matrixOf(best.s, 1, 5))).toBeLessThan(1e-11)
  })

  it('finds a value four times, ends at the rank, and takes zeros', () => {
    const [q, p] = [randomMatrix(200, 4, 1), randomMatrix(4, 150, 2)]
    const four = product(thinSvd(q).u, thinSvd(p).vt)
    const best = truncatedSvd(linearMap(four.values, 200, 150), 6)
    for (const value of best.s.subarray(0, 4)) expect(value).toBeCloseTo(1, 14)
    for (const value of best.s.subarray(4)) expect(value).toBeLessThan(1e-14)
    expect(lackOfOrthogonality(best.u)).toBeLessThan(1e-12)
    const none = truncatedSvd(linearMap(new Float32Array(120 * 110), 120, 110), 3)
    expect([...none.s]).toEqual([0, 0, 0])
    expect(lackOfOrthogonality(none.u)).toBeLessThan(1e-14)
  })

  it('gives the same bits from a seed, and refuses more values than there are', () => {
    const a = randomMatrix(200, 120, 9)
    const of = (seed: number) => truncatedSvd(linearMap(a.values, 200, 120), 3, { seed }).u.values
    expect(of(4)).toEqual(of(4))
    expect(of(5)).not.toEqual(of(4))
    expect(() => truncatedSvd(linearMap(a.values, 200, 120), 121)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: 'truncatedSvd: 121 singular values of a matrix [200,120], which has 120',
      }) as Error,
    )
  })
})

describe("torch's svd_lowrank", () => {
  it.each([
    ['tall', 70, 30],
    ['wide', 25, 60],
  ])('of a %s matrix nears the best approximation with its rounds', (_name, rows, columns) => {
    const tail = randomMatrix(rows, columns, 11)
    const five = product(randomMatrix(rows, 5, 12), randomMatrix(5, columns, 13))
    const a = matrixOf(
      five.values.map((value, i) => value + (tail.values[i] ?? NaN)),
      rows,
      columns,
    )
    const { s } = thinSvd(a)
    const errorOf = (iterations: number) => {
      const found = svdLowrank(linearMap(a.values, rows, columns), 5, iterations, (count, length) =>
        randomMatrix(count, length, 2),
      )
      expect(lackOfOrthogonality(found.u)).toBeLessThan(1e-13)
      expect(lackOfOrthogonality(transposed(found.vt))).toBeLessThan(1e-13)
      return Math.max(...found.s.map((value, i) => 1 - value / (s[i] ?? NaN)))
    }
    const [none, some, many] = [errorOf(0), errorOf(2), errorOf(40)]
    expect(none).toBeGreaterThan(some)
    expect(some).toBeGreaterThan(many)
    expect(Math.abs(many)).toBeLessThan(1e-9)
  })
})

describe('the smallest singular values', () => {
  it.each([
    ['tall', 160, 90, 90],
    ['wide', 70, 120, 70],
    ['singular', 60, 40, 38],
  ])('of a %s matrix are the end of the whole', (_name, rows, columns, rank) => {
    const full = Math.min(rows, columns) === rank
    const a = full
      ? randomMatrix(rows, columns, 7)
      : product(randomMatrix(rows, rank, 7), randomMatrix(rank, columns, 8))
    const [whole, made] = [thinSvd(a), smallestSvd(a, 6)]
    for (const [i, value] of made.s.entries()) {
      expect(Math.abs(value - (whole.s.at(i - 6) ?? NaN)) / (whole.s[0] ?? NaN)).toBeLessThan(1e-14)
    }
    expect(lackOfOrthogonality(made.u)).toBeLessThan(1e-12)
    expect(lackOfOrthogonality(transposed(made.vt))).toBeLessThan(1e-12)
    const back = product(transposed(made.u), a)
    const wanted = matrixOf(
      made.vt.values.map((value, i) => value * (made.s[Math.floor(i / columns)] ?? NaN)),
      6,
      columns,
    )
    // As truncatedSvd ends with the inverse.
    expect(largestDifference(back, wanted) / (whole.s[0] ?? NaN)).toBeLessThan(1e-10)
  })
})
