// out[row] = table[ids[row] - first]; ids u32 [rows], table [vocab,dim] f32 (bits 32), f16 or, when isBf16, bf16 (16),
// out f32 [rows,dim]. A row whose id is below first or not below first + vocab stays: the table may be a window of a
// larger one. One item is one row.
import { WIDTH } from '../shared/tile.as.ts'
import { decodeBytes, prepareBytes } from '../stored/whole-bytes.as.ts'

export function embedding(
  ids: usize,
  table: usize,
  out: usize,
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  bits: u32,
  isBf16: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  prepareBytes(table, 0, dim)
  for (let row = begin; row < end; row++) {
    // An id below first wraps around to one past vocab.
    const from = load<u32>(ids + (row << 2)) - first
    if (from >= vocab) continue
    const to = out + row * bytes
    if (bits == 32) memory.copy(to, table + from * bytes, bytes)
    else if (isBf16) decodeBytes<u16>(from * dim, dim, to, WIDTH * 4)
    else decodeBytes<i16>(from * dim, dim, to, WIDTH * 4)
  }
}
