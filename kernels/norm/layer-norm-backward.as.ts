// dX = (accumulate ? dX : 0) + rstd · (g - mean(g) - xHat · mean(g · xHat)), g = dOut · (weight + shift), xHat = (x -
// mean) · rstd; dOut, x, dX [rows,dim], weight [dim], stats [rows,2] as layerNorm wrote them. With isRms, of RMS norm,
// there is no mean(g). One item is one row.
import { loadPart, storePart, sumWide, widen } from '../shared/simd.as.ts'

export function layerNormBackward(
  dOut: usize,
  x: usize,
  weight: usize,
  stats: usize,
  dX: usize,
  rows: u32,
  dim: u32,
  isRms: u32,
  accumulate: u32,
  shift: f32,
  begin: u32,
  end: u32,
): void {
  const shifts = f32x4.splat(shift)
  for (let row = begin; row < end; row++) {
    const start: usize = row * (dim << 2)
    const means = v128.load32_splat(stats + (row << 3))
    const rstds = v128.load32_splat(stats + (row << 3), 4)
    let sum = f64x2.splat(0)
    let product = f64x2.splat(0)
    for (let i: u32 = 0; i < dim; i += 4) {
      const at: usize = i << 2
      const left = dim - i
      // Missing lanes of dOut are 0, so those of g are too.
      const g = f32x4.mul(loadPart(dOut + start + at, left), f32x4.add(loadPart(weight + at, left), shifts))
      const xHat = f32x4.mul(f32x4.sub(loadPart(x + start + at, left), means), rstds)
      sum = widen(sum, g)
      product = widen(product, f32x4.mul(g, xHat))
    }
    const g1 = f32x4.splat(isRms ? 0 : <f32>(sumWide(sum) / <f64>dim))
    const g2 = f32x4.splat(<f32>(sumWide(product) / <f64>dim))
    for (let i: u32 = 0; i < dim; i += 4) {
      const at: usize = i << 2
      const left = dim - i
      const g = f32x4.mul(loadPart(dOut + start + at, left), f32x4.add(loadPart(weight + at, left), shifts))
      const xHat = f32x4.mul(f32x4.sub(loadPart(x + start + at, left), means), rstds)
      let slope = f32x4.mul(rstds, f32x4.sub(f32x4.sub(g, g1), f32x4.mul(xHat, g2)))
      if (accumulate) slope = f32x4.add(slope, loadPart(dX + start + at, left))
      storePart(dX + start + at, slope, left)
    }
  }
}
