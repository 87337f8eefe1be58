// dWeight[c] = (accumulate ? dWeight[c] : 0) + Σ over rows of dOut · xHat, dBias[c] likewise with Σ dOut; xHat = (x -
// mean) · rstd; dOut, x [rows,dim], stats [rows,2]. One item is 4 columns; the rows are passed over once, in order,
// with the sums in the outputs.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function layerNormParamsBackward(
  dOut: usize,
  x: usize,
  stats: usize,
  dWeight: usize,
  dBias: usize,
  rows: u32,
  dim: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const first = begin << 2
  const last = min<u32>(end << 2, dim)
  if (!accumulate) {
    memory.fill(dWeight + (first << 2), 0, (last - first) << 2)
    memory.fill(dBias + (first << 2), 0, (last - first) << 2)
  }
  for (let row: u32 = 0; row < rows; row++) {
    const start: usize = row * (dim << 2)
    const means = v128.load32_splat(stats + (row << 3))
    const rstds = v128.load32_splat(stats + (row << 3), 4)
    for (let c = first; c < last; c += 4) {
      const at: usize = c << 2
      const left = last - c
      const d = loadPart(dOut + start + at, left)
      const xHat = f32x4.mul(f32x4.sub(loadPart(x + start + at, left), means), rstds)
      storePart(dWeight + at, f32x4.add(loadPart(dWeight + at, left), f32x4.mul(d, xHat)), left)
      storePart(dBias + at, f32x4.add(loadPart(dBias + at, left), d), left)
    }
  }
}
