// Cuts qkv [batch,tokens,kvHeads,(heads/kvHeads + 2),dim], each group as q…, k, v, into q [batch,heads,tokens,dim] and
// k, v [batch,kvHeads,capacity,dim], written from row `past` on; q and k are turned by a token's row of rotary
// [tokens,dim], if there is one, of which samples lie rotaryStep numbers apart. One item is one token of one sample.
import { rotateRow } from './rotate.as.ts'

export function splitHeads(
  qkv: usize,
  rotary: usize,
  q: usize,
  k: usize,
  v: usize,
  batch: u32,
  tokens: u32,
  heads: u32,
  kvHeads: u32,
  dim: u32,
  past: u32,
  capacity: u32,
  hasRotary: u32,
  rotaryStep: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  const group = heads / kvHeads
  let from = qkv + begin * (heads + 2 * kvHeads) * bytes
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    const angles: usize = hasRotary ? rotary + ((sample * rotaryStep) << 2) + token * bytes : 0
    for (let g: u32 = 0; g < kvHeads; g++) {
      for (let h = g * group; h < (g + 1) * group; h++, from += bytes) {
        rotateRow(from, q + ((sample * heads + h) * tokens + token) * bytes, angles, dim, 1)
      }
      const row = ((sample * kvHeads + g) * capacity + past + token) * bytes
      rotateRow(from, k + row, angles, dim, 1)
      memory.copy(v + row, from + bytes, bytes)
      from += 2 * bytes
    }
  }
}
