import { at, doubles, junk, type KernelCase, kernelCase, normals, sumOf } from '../kernel-case.ts'

/** out of a product whose factors are read by functions of two indices. */
export function product(
  { m, n, k, alpha }: { readonly m: number; readonly n: number; readonly k: number; readonly alpha: number },
  a: (i: number, p: number) => number,
  b: (p: number, j: number) => number,
  before: ArrayLike<number> | null,
  bias: ArrayLike<number> | null,
): Float64Array {
  return doubles(m * n, (e) => {
    const [i, j] = [Math.floor(e / n), e % n]
    return (before ? at(before, e) : 0) + alpha * sumOf(k, (p) => a(i, p) * b(p, j)) + (bias ? at(bias, j) : 0)
  })
}

// Rows around the 1 to 3 that have a way of their own, columns that end in part of a panel, depths across blocks of 512,
// and multiples of 4 that end within a tile.
const sizes = [
  [1, 1, 1],
  [1, 13, 70],
  [1, 530, 9],
  [2, 9, 33],
  [3, 17, 5],
  [4, 8, 4],
  [5, 7, 3],
  [7, 20, 65],
  [33, 70, 1030],
  [69, 41, 67],
  [4, 600, 520],
  [3, 32, 12],
  [6, 36, 20],
  [21, 72, 132],
] as const

export const matmulCases: KernelCase[] = sizes.flatMap(([m, n, k], index) =>
  [0, 1, 2, 3].map((trans) => {
    const [transA, transB] = [trans >> 1, trans & 1]
    const flags = index + trans
    const [hasBias, accumulate, alpha] = [flags & 1, (flags >> 1) & 1, flags % 3 === 0 ? 1 : -0.75]
    const [a, b, bias, out] = [normals(m * k), normals(k * n), normals(n), junk(m * n)]
    return kernelCase(
      'matmul',
      `${m}x${n}x${k} transA ${transA} transB ${transB} bias ${hasBias} accumulate ${accumulate}`,
      {
        reads: { a, b, bias: hasBias ? bias : null },
        writes: { out },
        params: { m, n, k, transA, transB, hasBias, accumulate, alpha },
        expected: {
          out: product(
            { m, n, k, alpha },
            (i, p) => at(a, transA ? p * m + i : i * k + p),
            (p, j) => at(b, transB ? j * k + p : p * n + j),
            accumulate ? out : null,
            hasBias ? bias : null,
          ),
        },
      },
    )
  }),
)
