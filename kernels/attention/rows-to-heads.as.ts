// x [batch,tokens,heads,dim] as out [batch,heads,capacity,dim], written from row `past` on and turned by a token's row
// of rotary as in splitHeads. One item is one token of one sample.
import { rotateRow } from './rotate.as.ts'

export function rowsToHeads(
  x: usize,
  rotary: usize,
  out: usize,
  batch: u32,
  tokens: u32,
  heads: u32,
  dim: u32,
  past: u32,
  capacity: u32,
  hasRotary: u32,
  rotaryStep: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    const angles: usize = hasRotary ? rotary + ((sample * rotaryStep) << 2) + token * bytes : 0
    for (let h: u32 = 0; h < heads; h++) {
      const row = (sample * heads + h) * capacity + past + token
      rotateRow(x + (item * heads + h) * bytes, out + row * bytes, angles, dim, 1)
    }
  }
}
