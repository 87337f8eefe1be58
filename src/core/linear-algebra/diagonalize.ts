import { type DenseMatrix, rotate, rowOf } from './dense-matrix.ts'

/** Two doubles are neighbours. */
const precision = 2 ** -52
/** Below it products of two values are no longer exact. */
const tiny = 2 ** -966

/**
 * Makes an upper bidiagonal matrix diagonal by implicit QR steps, and turns the rows of Uᵀ and Vᵀ with it; values may
 * come out negative and in any order (Golub & Van Loan, algorithm 8.6.2; LINPACK, dsvdc).
 * @param d The diagonal, which becomes the singular values. @param e What stands above it, `e[i]` beside `d[i]`.
 */
export function diagonalize(d: Float64Array, e: Float64Array, ut: DenseMatrix, vt: DenseMatrix): void {
  const at = (values: Float64Array, i: number) => values[i] as number
  const isSmall = (i: number) => Math.abs(at(e, i)) <= tiny + precision * (Math.abs(at(d, i)) + Math.abs(at(d, i + 1)))
  let end = d.length
  while (end > 1) {
    if (isSmall(end - 2)) {
      e[--end - 1] = 0
      continue
    }
    let begin = end - 2
    while (begin > 0 && !isSmall(begin - 1)) begin--
    if (begin > 0) e[begin - 1] = 0
    const zero = zeroIn(d, begin, end)
    if (zero === end - 1) clearColumn(begin, end)
    else if (zero >= 0) clearRow(zero, end)
    else step(begin, end)
  }

  /** A value of 0 in a block: what stands beside it can be turned away. −1 where there is none. */
  function zeroIn(values: Float64Array, begin: number, end: number): number {
    for (let i = end - 1; i >= begin; i--) {
      const beside = (i + 1 < end ? Math.abs(at(e, i)) : 0) + (i > begin ? Math.abs(at(e, i - 1)) : 0)
      if (Math.abs(at(values, i)) <= tiny + precision * beside) {
        values[i] = 0
        return i
      }
    }
    return -1
  }

  /** The last value is 0: turns the element above it out of the block, column by column. */
  function clearColumn(begin: number, end: number): void {
    let bulge = at(e, end - 2)
    e[end - 2] = 0
    for (let i = end - 2; i >= begin; i--) {
      const { c, s, r } = turn(at(d, i), bulge)
      d[i] = r
      if (i > begin) {
        bulge = -s * at(e, i - 1)
        e[i - 1] = c * at(e, i - 1)
      }
      rotate(rowOf(vt, i), rowOf(vt, end - 1), c, s)
    }
  }

  /** A value within is 0: turns the element beside it out of the block, row by row. */
  function clearRow(zero: number, end: number): void {
    let bulge = at(e, zero)
    e[zero] = 0
    for (let i = zero + 1; i < end; i++) {
      const { c, s, r } = turn(at(d, i), bulge)
      d[i] = r
      bulge = -s * at(e, i)
      if (i + 1 < end) e[i] = c * at(e, i)
      rotate(rowOf(ut, i), rowOf(ut, zero), c, s)
    }
  }

  /** One QR step with the shift of the last 2 × 2 block, chased from the first row to the last. */
  function step(begin: number, end: number): void {
    const size = Math.max(...[at(d, end - 1), at(d, end - 2), at(e, end - 2), at(d, begin), at(e, begin)].map(Math.abs))
    const [last, before, beside] = [at(d, end - 1) / size, at(d, end - 2) / size, at(e, end - 2) / size]
    const [first, next] = [at(d, begin) / size, at(e, begin) / size]
    const b = ((before + last) * (before - last) + beside * beside) / 2
    const c = last * beside * (last * beside)
    const root = b < 0 ? -Math.sqrt(b * b + c) : Math.sqrt(b * b + c)
    const shift = b === 0 && c === 0 ? 0 : c / (b + root)
    let [f, g] = [(first + last) * (first - last) + shift, first * next]
    for (let i = begin; i < end - 1; i++) {
      const right = turn(f, g)
      if (i > begin) e[i - 1] = right.r
      f = right.c * at(d, i) + right.s * at(e, i)
      e[i] = right.c * at(e, i) - right.s * at(d, i)
      g = right.s * at(d, i + 1)
      d[i + 1] = right.c * at(d, i + 1)
      rotate(rowOf(vt, i), rowOf(vt, i + 1), right.c, right.s)
      const left = turn(f, g)
      d[i] = left.r
      f = left.c * at(e, i) + left.s * at(d, i + 1)
      d[i + 1] = left.c * at(d, i + 1) - left.s * at(e, i)
      g = left.s * at(e, i + 1)
      e[i + 1] = left.c * at(e, i + 1)
      rotate(rowOf(ut, i), rowOf(ut, i + 1), left.c, left.s)
    }
    e[end - 2] = f
  }
}

/** The rotation that turns (f, g) to (r, 0). */
function turn(f: number, g: number): { readonly c: number; readonly s: number; readonly r: number } {
  const r = Math.hypot(f, g)
  return r === 0 ? { c: 1, s: 0, r } : { c: f / r, s: g / r, r }
}
