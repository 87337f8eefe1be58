import { loadPart, storePart, sumWide, widen } from '../shared/simd.as.ts'

/**
 * Of one row of `dim` numbers, out = (x - mean) · rstd · (weight + shift) + bias; stats: mean and rstd = 1 /
 * sqrt(variance + eps), whose variance is of a second pass. With isRms the mean counts as 0, and bias is not read: RMS
 * norm.
 */
export function normalizeRow(
  x: usize,
  weight: usize,
  bias: usize,
  out: usize,
  stats: usize,
  dim: u32,
  isRms: u32,
  eps: f32,
  shift: f32,
): void {
  let sum = f64x2.splat(0)
  for (let i: u32 = 0; !isRms && i < dim; i += 4) sum = widen(sum, loadPart(x + (i << 2), dim - i))
  const mean = <f32>(sumWide(sum) / <f64>dim)
  const means = f32x4.splat(mean)
  let squares = f64x2.splat(0)
  const whole = dim & ~3
  for (let i: u32 = 0; i < whole; i += 4) {
    const d = f32x4.sub(v128.load(x + (i << 2)), means)
    squares = widen(squares, f32x4.mul(d, d))
  }
  let square = sumWide(squares)
  for (let i = whole; i < dim; i++) {
    const d = load<f32>(x + (i << 2)) - mean
    square += <f64>(d * d)
  }
  const rstd = <f32>(1 / Math.sqrt(square / <f64>dim + <f64>eps))
  const rstds = f32x4.splat(rstd)
  const shifts = f32x4.splat(shift)
  store<f32>(stats, mean)
  store<f32>(stats, rstd, 4)
  for (let i: u32 = 0; i < dim; i += 4) {
    const at: usize = i << 2
    const left = dim - i
    const normal = f32x4.mul(f32x4.sub(loadPart(x + at, left), means), rstds)
    const scaled = f32x4.mul(normal, f32x4.add(loadPart(weight + at, left), shifts))
    storePart(out + at, isRms ? scaled : f32x4.add(scaled, loadPart(bias + at, left)), left)
  }
}
