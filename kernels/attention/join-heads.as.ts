// The reverse of splitHeads: dQkv [batch,tokens,kvHeads,(heads/kvHeads + 2),dim] from dQ [batch,heads,tokens,dim] and
// dKv [batch,2·kvHeads,capacity,dim], a sample's heads of dK before its heads of dV, from row `past` on; dQ and dK are
// turned back by rotary as in splitHeads. One item is one token of one sample.
import { rotateRow } from './rotate.as.ts'

export function joinHeads(
  dQ: usize,
  dKv: usize,
  rotary: usize,
  dQkv: usize,
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
  let to = dQkv + begin * (heads + 2 * kvHeads) * bytes
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    const angles: usize = hasRotary ? rotary + ((sample * rotaryStep) << 2) + token * bytes : 0
    for (let g: u32 = 0; g < kvHeads; g++) {
      for (let h = g * group; h < (g + 1) * group; h++, to += bytes) {
        rotateRow(dQ + ((sample * heads + h) * tokens + token) * bytes, to, angles, dim, -1)
      }
      const row = dKv + ((2 * sample * kvHeads + g) * capacity + past + token) * bytes
      rotateRow(row, to, angles, dim, -1)
      memory.copy(to + bytes, row + kvHeads * capacity * bytes, bytes)
      to += 2 * bytes
    }
  }
}
