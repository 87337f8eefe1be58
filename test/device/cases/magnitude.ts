import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws, sumOf } from '../kernel-case.ts'
import { fourBit } from './four-bit.ts'
import { wholeByteFormats, wholeBytes } from './stored.ts'

seedDraws('magnitude')

// Ragged and whole blocks of rows and columns, one rank, more ranks than are packed at a time.
const sizes = [
  [1, 1, 1],
  [5, 7, 3],
  [70, 65, 16],
  [9, 128, 5],
  [66, 192, 16],
  [3, 64, 520],
  // Enough rows for a call to be cut between them.
  [130, 32, 1],
] as const

const formats = ['f32', 'nf4', 'fp4', ...wholeByteFormats] as const

function stored(rows: number, dim: number, format: (typeof formats)[number]) {
  if (format === 'nf4' || format === 'fp4') return fourBit(rows * dim, format, 64, format === 'fp4')
  if (format !== 'f32') return wholeBytes(rows, dim, format)
  const values = normals(rows * dim)
  const none = { absmax: null, nested: null, tables: null }
  const params = { bits: 32, isBf16: 0, blockSize: dim, scaling: 0, nestedCount: 0 }
  return { reads: { ...none, codes: values }, params, values }
}

/** Lengths of rows of W + alpha · b · a. */
function lengths(
  w: ArrayLike<number>,
  a: Float32Array,
  b: Float32Array,
  [rows, dim, r]: readonly [number, number, number],
  alpha: number,
): Float64Array {
  return doubles(rows, (i) =>
    Math.sqrt(
      sumOf(dim, (j) => {
        const product = sumOf(r, (k) => at(b, i * r + k) * at(a, k * dim + j))
        return (at(w, i * dim + j) + alpha * product) ** 2
      }),
    ),
  )
}

const ordinary = sizes.flatMap((size) =>
  formats.flatMap((format) => {
    const [rows, dim, r] = size
    // Rows of 4 bits and of blocks of 32 are whole bytes and blocks.
    if (format.endsWith('4') && dim % 2 === 1) return []
    const { reads, params, values } = stored(rows, dim, format)
    const [a, b] = [normals(r * dim), normals(rows * r)]
    // A single number would now and then be all but cancelled by chance, and its length be rounded as the sum is.
    const isAgainst = values.length === 1 && at(values, 0) * at(a, 0) * at(b, 0) < 0
    const alpha = isAgainst ? -0.02 : 0.02
    return kernelCase('updatedNorms', `${format} ${size.join('x')}`, {
      reads: { ...reads, a, b },
      writes: { norms: junk(rows) },
      params: { rows, dim, r, ...params, alpha },
      expected: { norms: lengths(values, a, b, size, alpha) },
    })
  }),
)

/**
 * Rows of W that the update takes away but for a few last digits, or that it is 10^5 times as long as. Of powers of two
 * no product or sum is rounded, so that each length can be held against the formula by itself.
 */
const extremes = (['cancelled', 'far larger', 'all zeros'] as const).map((title) => {
  const size = [8, 96, 4] as const
  const [rows, dim, r] = size
  const [a, b] = [normals(r * dim).map(powerOfTwo), normals(rows * r).map(powerOfTwo)]
  const rest = normals(rows * dim).map((x) => powerOfTwo(x) * 2 ** -16)
  const w = Float32Array.from({ length: rows * dim }, (_, e) => {
    const [i, j] = [Math.floor(e / dim), e % dim]
    if (title === 'all zeros') return 0
    if (title === 'far larger') return at(rest, e)
    return at(rest, e) - 2 * sumOf(r, (k) => at(b, i * r + k) * at(a, k * dim + j))
  })
  if (title === 'all zeros') b.fill(0)
  return kernelCase('updatedNorms', `f32, ${title}`, {
    reads: { codes: w, absmax: null, nested: null, tables: null, a, b },
    writes: { norms: junk(rows) },
    params: { rows, dim, r, bits: 32, isBf16: 0, blockSize: dim, scaling: 0, nestedCount: 0, alpha: 2 },
    expected: { norms: lengths(w, a, b, size, 2) },
    tolerance: title === 'all zeros' ? 0 : 1e-6,
  })
})

function powerOfTwo(x: number): number {
  return Math.sign(x) * 2 ** Math.round(Math.max(-2, Math.min(2, Math.log2(Math.abs(x)))))
}

/** Formulas of norms that DoRA divides by. */
export const magnitudeCases: readonly KernelCase[] = [...ordinary, ...extremes]
