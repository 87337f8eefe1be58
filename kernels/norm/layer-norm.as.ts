// out = (x - mean) · rstd · (weight + shift) + bias, rstd = 1 / sqrt(variance + eps); x, out [rows,dim], weight and
// bias [dim], stats [rows,2]: mean and rstd. With isRms, RMS norm: no mean, no bias. One item is one row.
import { normalizeRow } from './normalize.as.ts'

export function layerNorm(
  x: usize,
  weight: usize,
  bias: usize,
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
    const at: usize = row * (dim << 2)
    normalizeRow(x + at, weight, bias, out + at, stats + (row << 3), dim, isRms, eps, shift)
  }
}
