// The reverse of splitHeads: dQkv [batch,tokens,kvHeads,(heads/kvHeads + 2),dim] from dQ [batch,heads,tokens,dim] and dKv
// [batch,2·kvHeads,tokens,dim], a sample's heads of dK before its heads of dV; dQ and dK are turned back by a token's row of
// rotary [tokens,dim]. One item is one token of one sample.
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
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  const group = heads / kvHeads
  let to = dQkv + begin * (heads + 2 * kvHeads) * bytes
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    const angles = rotary + token * bytes
    for (let g: u32 = 0; g < kvHeads; g++) {
      for (let h = g * group; h < (g + 1) * group; h++, to += bytes) {
        rotateRow(dQ + ((sample * heads + h) * tokens + token) * bytes, to, angles, dim, -1)
      }
      const row = dKv + ((2 * sample * kvHeads + g) * tokens + token) * bytes
      rotateRow(row, to, angles, dim, -1)
      memory.copy(to + bytes, row + kvHeads * tokens * bytes, bytes)
      to += 2 * bytes
    }
  }
}
