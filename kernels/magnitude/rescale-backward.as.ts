// Of rescale: dX[row,c] = dOut[row,c] · magnitude[c] / norms[c], and dMagnitude[c] = (accumulate ? itself : 0) + Σ over
// rows of dOut[row,c] · (x[row,c] - bias[c]) / norms[c]; norms are constants, and where one is 0 so are both. bias may
// be null. One item is 4 columns.
import { quotients } from '../shared/quotients.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'
import { scratch } from '../shared/scratch.as.ts'

/** Columns whose quotients and sums stand in scratch. */
const WIDE: u32 = 1024

export function rescaleBackward(
  dOut: usize,
  x: usize,
  magnitude: usize,
  norms: usize,
  bias: usize,
  dX: usize,
  dMagnitude: usize,
  rows: u32,
  dim: u32,
  hasBias: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, dim)
  const factors = scratch(WIDE * 12)
  const inverses = factors + WIDE * 4
  const sums = inverses + WIDE * 4
  for (let first = begin << 2; first < last; first += WIDE) {
    const count = min<u32>(last - first, WIDE)
    const from: usize = first << 2
    for (let c: u32 = 0; c < count; c += 4) v128.store(sums + (c << 2), f32x4.splat(1))
    quotients(sums, norms + from, count, inverses)
    quotients(magnitude + from, norms + from, count, factors)
    memory.fill(sums, 0, WIDE * 4)
    for (let row: u32 = 0; row < rows; row++) {
      const at: usize = (row * dim + first) << 2
      for (let c: u32 = 0; c < count; c += 4) {
        const left = count - c
        const i: usize = c << 2
        const d = loadPart(dOut + at + i, left)
        let v = loadPart(x + at + i, left)
        if (hasBias) v = f32x4.sub(v, loadPart(bias + from + i, left))
        v128.store(sums + i, madd(d, v, v128.load(sums + i)))
        storePart(dX + at + i, f32x4.mul(d, v128.load(factors + i)), left)
      }
    }
    for (let c: u32 = 0; c < count; c += 4) {
      const left = count - c
      const i: usize = c << 2
      const to = dMagnitude + from + i
      const before = accumulate ? loadPart(to, left) : f32x4.splat(0)
      storePart(to, madd(v128.load(sums + i), v128.load(inverses + i), before), left)
    }
  }
}
