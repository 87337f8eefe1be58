// y = x + r; out = (y - mean) · rstd · (weight + shift) + bias, rstd = 1 / sqrt(variance + eps); x, r, y, out
// [rows,dim], weight and bias [dim], stats [rows,2]: mean and rstd. With isRms, RMS norm: no mean, no bias. One item is
// one row.
import { normalizeRow } from './normalize.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function addLayerNorm(
  x: usize,
  r: usize,
  weight: usize,
  bias: usize,
  y: usize,
  out: usize,
  stats: usize,
  rows: u32,
  dim: u32,
  isRms: u32,
  eps: f32,
  shift: f32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const start: usize = row * (dim << 2)
    for (let i: u32 = 0; i < dim; i += 4) {
      const at = start + (i << 2)
      storePart(y + at, f32x4.add(loadPart(x + at, dim - i), loadPart(r + at, dim - i)), dim - i)
    }
    normalizeRow(y + start, weight, bias, out + start, stats + (row << 3), dim, isRms, eps, shift)
  }
}
