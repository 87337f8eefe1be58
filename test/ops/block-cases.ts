import { bmm } from '../../src/ops/blocks/bmm.ts'
import { inverse } from '../../src/ops/blocks/inverse.ts'
import { skewSymmetric } from '../../src/ops/blocks/skew-symmetric.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'
import type { OpCase } from './gradient-check.ts'

seedDraws('block-cases')

const part = <T>(parts: Readonly<Record<string, T>>, name: string): T => parts[name] as T
const xOf = (t: Readonly<Record<string, Tensor>>) => part(t, 'x')

/** A solution's columns by Gauss' elimination with exchanges of rows, which the kernel does without. */
function inverted(x: ArrayLike<number>, start: number, n: number): number[][] {
  const rows = Array.from({ length: n }, (_, r) => [
    ...Array.from({ length: n }, (_, c) => at(x, start + r * n + c)),
    ...Array.from({ length: n }, (_, c) => +(r === c)),
  ])
  for (let p = 0; p < n; p++) {
    rows.splice(p, 0, ...rows.splice(p).sort((a, b) => Math.abs(at(b, p)) - Math.abs(at(a, p))))
    const pivot = rows[p] as number[]
    for (const [r, row] of rows.entries()) {
      const times = at(row, p) / at(pivot, p)
      if (r !== p) for (let c = 0; c < 2 * n; c++) row[c] = at(row, c) - times * at(pivot, c)
    }
  }
  return rows.map((row, r) => row.slice(n).map((value) => value / at(row, r)))
}

/** Plain loops: differences by the thousand are taken of it. */
function products(
  a: Float64Array,
  b: Float64Array,
  [many, m, k, columns]: readonly [number, number, number, number],
): Float64Array {
  const out = new Float64Array(many * m * columns)
  for (let row = 0; row < many * m; row++) {
    const first = Math.floor(row / m) * k
    for (let c = 0; c < columns; c++) {
      let sum = 0
      for (let d = 0; d < k; d++) sum += (a[row * k + d] ?? NaN) * (b[(first + d) * columns + c] ?? NaN)
      out[row * columns + c] = sum
    }
  }
  return out
}

const [count, n] = [3, 6]
const vectors = { shape: [count, 15], values: normals(count * 15) }
/** Where row r of the numbers above a diagonal begins, at its column r + 1. */
const above = (r: number, c: number) => sumOf(r, (i) => n - 1 - i) + c - r - 1

/** The verbs for many small matrices. */
export const blockCases: readonly OpCase[] = [
  ...(
    [
      [3, 3, 4, 5],
      [2, 33, 20, 36],
      [2, 1, 7, 1],
    ] as const
  ).map(([many, m, k, columns]): OpCase => ({
    op: 'bmm',
    title: `[${many},${m},${k}] by [${many},${k},${columns}]`,
    inputs: {
      a: { shape: [many, m, k], values: normals(many * m * k) },
      b: { shape: [many, k, columns], values: normals(many * k * columns) },
    },
    apply: (t) => bmm(part(t, 'a'), part(t, 'b')),
    reference: (v) => products(part(v, 'a'), part(v, 'b'), [many, m, k, columns]),
  })),
  ...[1, 0.3].map((scale): OpCase => ({
    op: 'skewSymmetric',
    title: `${n} rows, scale ${scale}, diagonal ${1 - scale}`,
    inputs: { x: vectors },
    apply: (t) => skewSymmetric(xOf(t), n, { scale, diagonal: 1 - scale }),
    reference: (v) =>
      doubles(count * n * n, (e) => {
        const [i, r, c] = [Math.floor(e / n / n), Math.floor(e / n) % n, e % n]
        if (r === c) return 1 - scale
        return Math.sign(c - r) * scale * at(part(v, 'x'), i * 15 + above(Math.min(r, c), Math.max(r, c)))
      }),
  })),
  {
    op: 'inverse',
    title: 'of I and a skew-symmetric matrix, and more',
    inputs: {
      x: {
        shape: [count, n, n],
        values: normals(count * n * n, 0.2).map((value, e) => {
          const [r, c] = [Math.floor(e / n) % n, e % n]
          return value + (r === c ? 1 : Math.sign(c - r) * ((r + c) % 3))
        }),
      },
    },
    apply: (t) => inverse(xOf(t)),
    reference: (v) => Float64Array.from([0, 1, 2].flatMap((i) => inverted(part(v, 'x'), i * n * n, n).flat())),
  },
]
