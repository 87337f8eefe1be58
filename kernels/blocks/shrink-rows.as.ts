// Each row of x [rows,dim] whose norm is above `most` is scaled to that. One item is a row.
import { loadPart, storePart, sumWide, widen } from '../shared/simd.as.ts'

export function shrinkRows(x: usize, rows: u32, dim: u32, most: f32, begin: u32, end: u32): void {
  for (let row = begin; row < end; row++) {
    const start = x + ((row * dim) << 2)
    let total = f64x2.splat(0)
    for (let c: u32 = 0; c < dim; c += 4) {
      const v = loadPart(start + (c << 2), dim - c)
      total = widen(total, f32x4.mul(v, v))
    }
    const norm = <f32>sqrt<f64>(sumWide(total))
    if (norm > most) {
      const by = f32x4.splat(most / norm)
      for (let c: u32 = 0; c < dim; c += 4) {
        const at = start + (c << 2)
        storePart(at, f32x4.mul(loadPart(at, dim - c), by), dim - c)
      }
    }
  }
}
