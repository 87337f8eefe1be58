// x[i] = 1 / x[i] for each of count matrices [n,n], by Gauss and Jordan without exchanges of rows: steps first to last,
// all of which are n. One item is a matrix.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function invert(x: usize, count: u32, n: u32, first: u32, last: u32, begin: u32, end: u32): void {
  const bytes: usize = n << 2
  for (let i = begin; i < end; i++) {
    const start = x + i * n * bytes
    for (let p = first; p < last; p++) {
      const row = start + p * bytes
      const by = <f32>1 / load<f32>(row + (p << 2))
      // With 1 in its place, the row itself is what the others subtract.
      store<f32>(row + (p << 2), 1)
      for (let c: u32 = 0; c < n; c += 4) {
        const at = row + (c << 2)
        storePart(at, f32x4.mul(loadPart(at, n - c), f32x4.splat(by)), n - c)
      }
      for (let r: u32 = 0; r < n; r++) if (r != p) subtract(start + r * bytes, row, n, p)
    }
  }
}

/** Takes from a row what it has in column p, times the row there. */
function subtract(to: usize, row: usize, n: u32, p: u32): void {
  const times = f32x4.splat(load<f32>(to + (p << 2)))
  store<f32>(to + (p << 2), 0)
  for (let c: u32 = 0; c < n; c += 4) {
    const at: usize = c << 2
    storePart(to + at, f32x4.sub(loadPart(to + at, n - c), f32x4.mul(times, loadPart(row + at, n - c))), n - c)
  }
}
