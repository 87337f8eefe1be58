// out = (x - mean) · rstd · weight + bias, rstd = 1 / sqrt(variance + eps); x, out [rows,dim], weight and bias [dim],
// stats [rows,2]: mean and rstd. The variance is of a second pass. One item is one row.
import { loadPart, storePart, sumWide, widen } from './simd.as.ts'

export function layerNorm(
  x: usize,
  weight: usize,
  bias: usize,
  out: usize,
  stats: usize,
  rows: u32,
  dim: u32,
  eps: f32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const from = x + row * (dim << 2)
    const to = out + row * (dim << 2)
    let sum = f64x2.splat(0)
    for (let i: u32 = 0; i < dim; i += 4) sum = widen(sum, loadPart(from + (i << 2), dim - i))
    const mean = <f32>(sumWide(sum) / <f64>dim)
    const means = f32x4.splat(mean)
    let squares = f64x2.splat(0)
    const whole = dim & ~3
    for (let i: u32 = 0; i < whole; i += 4) {
      const d = f32x4.sub(v128.load(from + (i << 2)), means)
      squares = widen(squares, f32x4.mul(d, d))
    }
    let square = sumWide(squares)
    for (let i = whole; i < dim; i++) {
      const d = load<f32>(from + (i << 2)) - mean
      square += <f64>(d * d)
    }
    const rstd = <f32>(1 / Math.sqrt(square / <f64>dim + <f64>eps))
    const rstds = f32x4.splat(rstd)
    store<f32>(stats + (row << 3), mean)
    store<f32>(stats + (row << 3), rstd, 4)
    for (let i: u32 = 0; i < dim; i += 4) {
      const at: usize = i << 2
      const left = dim - i
      const normal = f32x4.mul(f32x4.sub(loadPart(from + at, left), means), rstds)
      storePart(to + at, f32x4.add(f32x4.mul(normal, loadPart(weight + at, left)), loadPart(bias + at, left)), left)
    }
  }
}
