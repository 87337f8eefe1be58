// dX[row] = dOut[row] - exp(out[row]) · Σ dOut[row], out what logSoftmax gave; all [rows,dim]. One item is one row.
import { exp4 } from '../shared/math.as.ts'
import { loadPart, storePart, sumWide, widen } from '../shared/simd.as.ts'

export function logSoftmaxBackward(
  dOut: usize,
  out: usize,
  dX: usize,
  rows: u32,
  dim: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const at = row * (dim << 2)
    let sums = f64x2.splat(0)
    for (let c: u32 = 0; c < dim; c += 4) sums = widen(sums, loadPart(dOut + at + (c << 2), dim - c))
    const sum = f32x4.splat(<f32>sumWide(sums))
    for (let c: u32 = 0; c < dim; c += 4) {
      const place: usize = at + (c << 2)
      const share = f32x4.mul(exp4(loadPart(out + place, dim - c)), sum)
      storePart(dX + place, f32x4.sub(loadPart(dOut + place, dim - c), share), dim - c)
    }
  }
}
