// The reverse of splitHeads: dQkv [batch,tokens,kvHeads,(heads/kvHeads + 2),dim] from dQ [batch,heads,tokens,dim] and
// dK, dV [batch,kvHeads,tokens,dim], the first two turned back. One item is one token of one sample.
import { rotateRow } from './rotate.as.ts'

export function joinHeads(
  dQ: usize,
  dK: usize,
  dV: usize,
  rotary: usize,
  dQkv: usize,
  batch: u32,
  tokens: u32,
  heads: u32,
  kvHeads: u32,
  dim: u32,
  hasRotary: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  const group = heads / kvHeads
  let to = dQkv + begin * (heads + 2 * kvHeads) * bytes
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    const angles: usize = hasRotary ? rotary + token * bytes : 0
    for (let g: u32 = 0; g < kvHeads; g++) {
      for (let h = g * group; h < (g + 1) * group; h++, to += bytes) {
        rotateRow(dQ + ((sample * heads + h) * tokens + token) * bytes, to, angles, dim, -1)
      }
      const row = ((sample * kvHeads + g) * tokens + token) * bytes
      rotateRow(dK + row, to, angles, dim, -1)
      memory.copy(to + bytes, dV + row, bytes)
      to += 2 * bytes
    }
  }
}
