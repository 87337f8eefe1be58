// The reverse of rowsToHeads: out [batch,tokens,heads,dim] from x [batch,held,capacity,dim], whose heads from `first`
// on are taken, from row `past` on, and turned back. One item is one token of one sample.
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
      const row = (sample * held + first + h) * capacity + past + token
      rotateRow(x + row * bytes, out + (item * heads + h) * bytes, angles, dim, -1)
    }
  }
}
