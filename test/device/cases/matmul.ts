import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'

seedDraws('matmul')

/** A factor of a product: where its numbers lie, and how far on the next of a row and the next row begin. */
export interface Factor {
  readonly values: Float32Array | Float64Array
  readonly rowStep: number
  readonly columnStep: number
}

/** A factor whose rows, or, transposed, whose columns, are `pitch` apart. */
export function factor(values: Factor['values'], isTransposed: number, pitch: number): Factor {
  return isTransposed ? { values, rowStep: 1, columnStep: pitch } : { values, rowStep: pitch, columnStep: 1 }
}

/**
 * What a product leaves in `out`, which held numbers before. Plain loops: every file that imports cases pays for them.
 */
export function product(
  params: Readonly<Record<'n' | 'k' | 'pitchOut' | 'accumulate' | 'alpha', number>>,
  out: ArrayLike<number>,
  a: Factor,
  b: Factor,
  bias: ArrayLike<number> | null,
): Float64Array {
  const { n, k, pitchOut, accumulate, alpha } = params
  return doubles(out.length, (e) => {
    const [i, j] = [Math.floor(e / pitchOut), e % pitchOut]
    if (j >= n) return at(out, e)
    let [sum, atA, atB] = [0, i * a.rowStep, j * b.columnStep]
    for (let p = 0; p < k; p++) {
      sum += (a.values[atA] ?? NaN) * (b.values[atB] ?? NaN)
      atA += a.columnStep
      atB += b.rowStep
    }
    return (accumulate ? at(out, e) : 0) + alpha * sum + (bias ? at(bias, j) : 0)
  })
}

/** Elements of a window of `rows` rows: the last ends where its columns do. */
export function windowed(rows: number, columns: number, pitch: number): number {
  return (rows - 1) * pitch + columns
}

// Rows around the 1 to 3 that have a way of their own, and that end in strips of 6, 5 and fewer; columns that end in
// part of a panel, rows and depths across blocks of 512, more of them than are kept packed, more columns than all
// depths go over at a time, and multiples of 4 that end within a tile; then windows of columns, by what their rows of
// a and of out have beyond them.
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
  [17, 20, 70],
  [525, 40, 1030],
  [260, 140, 515],
  [4, 600, 520],
  [3, 32, 12],
  [6, 36, 20],
  [21, 72, 132],
  [1, 64, 1032],
  [8, 40, 264],
  [36, 72, 132],
  [1, 13, 70, 5, 2],
  [3, 40, 9, 1, 64],
  [5, 7, 3, 2, 9],
  [12, 33, 64, 64, 3],
  [6, 36, 20, 4, 28],
  [21, 72, 132, 8, 128],
  [34, 70, 530, 3, 58],
] as const

export const matmulCases: KernelCase[] = sizes.flatMap(([m, n, k, moreA = 0, moreOut = 0], index) =>
  [0, 1, 2, 3].map((trans) => {
    const [transA, transB] = [trans >> 1, trans & 1]
    const flags = index + trans
    const [hasBias, accumulate, alpha] = [flags & 1, (flags >> 1) & 1, flags % 3 === 0 ? 1 : -0.75]
    const [rows, columns] = transA ? [k, m] : [m, k]
    const [pitchA, pitchOut] = [columns + moreA, n + moreOut]
    const [a, b] = [normals(windowed(rows, columns, pitchA)), normals(k * n)]
    const [bias, out] = [normals(n), junk(windowed(m, n, pitchOut))]
    const params = { m, n, k, pitchA, pitchOut, transA, transB, hasBias, accumulate, alpha }
    return kernelCase(
      'matmul',
      `${m}x${n}x${k} pitches ${pitchA} ${pitchOut} transA ${transA} transB ${transB} bias ${hasBias} accumulate ${accumulate}`,
      {
        reads: { a, b, bias: hasBias ? bias : null },
        writes: { out },
        params,
        expected: {
          out: product(
            params,
            out,
            factor(a, transA, pitchA),
            factor(b, transB, transB ? k : n),
            hasBias ? bias : null,
          ),
        },
      },
    )
  }),
)
