// out[c] = (accumulate ? out[c] : 0) + Σ over rows of x[row,c]; x [rows,dim]. One item is 4 columns; 4 rows are added
// at a time, in order.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function sumRows(x: usize, out: usize, rows: u32, dim: u32, accumulate: u32, begin: u32, end: u32): void {
  const first = begin << 2
  const last = min<u32>(end << 2, dim)
  const bytes = dim << 2
  if (!accumulate) memory.fill(out + (first << 2), 0, (last - first) << 2)
  const whole = rows & ~3
  for (let row: u32 = 0; row < whole; row += 4) {
    for (let c = first; c < last; c += 4) {
      const from = x + row * bytes + (c << 2)
      const left = last - c
      const upper = f32x4.add(loadPart(from, left), loadPart(from + bytes, left))
      const lower = f32x4.add(loadPart(from + 2 * bytes, left), loadPart(from + 3 * bytes, left))
      storePart(out + (c << 2), f32x4.add(loadPart(out + (c << 2), left), f32x4.add(upper, lower)), left)
    }
  }
  for (let row = whole; row < rows; row++) {
    for (let c = first; c < last; c += 4) {
      const v = loadPart(x + row * bytes + (c << 2), last - c)
      storePart(out + (c << 2), f32x4.add(loadPart(out + (c << 2), last - c), v), last - c)
    }
  }
}
