// The reverse of rowsToHeads: out [batch,tokens,heads,dim] from x [batch,held,tokens,dim], whose heads from `first` on are taken
// and turned back. One item is one token of one sample.
import { rotateRow } from './rotate.as.ts'

export function headsToRows(
  x: usize,
  rotary: usize,
  out: usize,
  batch: u32,
  tokens: u32,
  heads: u32,
  held: u32,
  first: u32,
  dim: u32,
  hasRotary: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    const angles: usize = hasRotary ? rotary + token * bytes : 0
    for (let h: u32 = 0; h < heads; h++) {
      const row = (sample * held + first + h) * tokens + token
      rotateRow(x + row * bytes, out + (item * heads + h) * bytes, angles, dim, -1)
    }
  }
}
