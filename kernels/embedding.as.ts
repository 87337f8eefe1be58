// out[row] = table[ids[row]]; ids u32 [rows], table [.,dim] f32 (bits 32) or f16 (16), out [rows,dim] f32. One item is one row.
import { WIDTH } from './tile.as.ts'
import { decodeBytes, prepareBytes } from './whole-bytes.as.ts'

export function embedding(
  ids: usize,
  table: usize,
  out: usize,
  rows: u32,
  dim: u32,
  bits: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  prepareBytes(table, 0, dim)
  for (let row = begin; row < end; row++) {
    const id = load<u32>(ids + (row << 2))
    const to = out + row * bytes
    if (bits == 16) decodeBytes<i16>(id * dim, dim, to, WIDTH * 4)
    else memory.copy(to, table + id * bytes, bytes)
  }
}
