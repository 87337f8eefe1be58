// out[row,c] = (x[row,c] - bias[c]) · magnitude[c] / norms[c] + bias[c]; x [rows,dim]; bias may be null. Where a norm
// is 0 so is the quotient. One item is 4 columns.
import { quotients } from '../shared/quotients.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'
import { scratch } from '../shared/scratch.as.ts'

/** Columns whose quotients stand in scratch. */
const WIDE: u32 = 1024

export function rescale(
  x: usize,
  magnitude: usize,
  norms: usize,
  bias: usize,
  out: usize,
  rows: u32,
  dim: u32,
  hasBias: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, dim)
  const factors = scratch(WIDE * 4)
  for (let first = begin << 2; first < last; first += WIDE) {
    const count = min<u32>(last - first, WIDE)
    quotients(magnitude + (first << 2), norms + (first << 2), count, factors)
    for (let row: u32 = 0; row < rows; row++) {
      const at: usize = (row * dim + first) << 2
      for (let c: u32 = 0; c < count; c += 4) {
        const left = count - c
        const i: usize = c << 2
        const factor = v128.load(factors + i)
        let v = loadPart(x + at + i, left)
        if (hasBias) {
          const b = loadPart(bias + (first << 2) + i, left)
          v = madd(f32x4.sub(v, b), factor, b)
        } else v = f32x4.mul(v, factor)
        storePart(out + at + i, v, left)
      }
    }
  }
}
