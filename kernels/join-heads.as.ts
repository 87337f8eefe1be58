// The reverse of splitHeads: dQkv [batch,tokens,kvHeads,(heads/kvHeads + 2),dim] from dQ [batch,heads,tokens,dim] and
// dK, dV [batch,kvHeads,capacity,dim], read from row `past` on. One item is one token of one sample.
export function joinHeads(
  dQ: usize,
  dK: usize,
  dV: usize,
  dQkv: usize,
  batch: u32,
  tokens: u32,
  heads: u32,
  kvHeads: u32,
  dim: u32,
  past: u32,
  capacity: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  const group = heads / kvHeads
  let to = dQkv + begin * (heads + 2 * kvHeads) * bytes
  for (let item = begin; item < end; item++) {
    const sample = item / tokens
    const token = item % tokens
    for (let g: u32 = 0; g < kvHeads; g++) {
      for (let h = g * group; h < (g + 1) * group; h++, to += bytes) {
        memory.copy(to, dQ + ((sample * heads + h) * tokens + token) * bytes, bytes)
      }
      const row = ((sample * kvHeads + g) * capacity + past + token) * bytes
      memory.copy(to, dK + row, bytes)
      memory.copy(to + bytes, dV + row, bytes)
      to += 2 * bytes
    }
  }
}
