// out[row] = x[row] - log Σ exp(x[row]); x and out [rows,dim]. Sums go in f64. One item is one row.
import { exp4 } from '../shared/math.as.ts'
import { loadPart, maxLane, storePart, sumWide, widen } from '../shared/simd.as.ts'

export function logSoftmax(x: usize, out: usize, rows: u32, dim: u32, begin: u32, end: u32): void {
  const whole = dim & ~3
  for (let row = begin; row < end; row++) {
    const from = x + row * (dim << 2)
    const to = out + row * (dim << 2)
    let largest = f32x4.splat(load<f32>(from))
    for (let c: u32 = 0; c < whole; c += 4) largest = f32x4.pmax(largest, v128.load(from + (c << 2)))
    for (let c = whole; c < dim; c++) largest = f32x4.pmax(largest, v128.load32_splat(from + (c << 2)))
    const top = f32x4.splat(maxLane(largest))
    let sums = f64x2.splat(0)
    for (let c: u32 = 0; c < whole; c += 4) sums = widen(sums, exp4(f32x4.sub(v128.load(from + (c << 2)), top)))
    let sum = sumWide(sums)
    for (let c = whole; c < dim; c++) {
      sum += <f64>f32x4.extract_lane(exp4(f32x4.sub(v128.load32_splat(from + (c << 2)), top)), 0)
    }
    // The log is taken off last: beside a large maximum it would lose its digits.
    const log = f32x4.splat(<f32>Math.log(sum))
    for (let c: u32 = 0; c < dim; c += 4) {
      storePart(to + (c << 2), f32x4.sub(f32x4.sub(loadPart(from + (c << 2), dim - c), top), log), dim - c)
    }
  }
}
