// out[row] = table[ids[row] - first]; ids u32 [rows], out f32 [rows,dim]; the table [vocab,dim] as matmul-stored.as.ts
// reads it, or f32 where bits is 32. A row whose id is below first or not below first + vocab stays: the table may be a
// window of a larger one. One item is one row.
import { scratch } from '../shared/scratch.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'
import { decodeStored, prepareStored, STORED_BYTES } from '../stored/stored.as.ts'

export function embedding(
  ids: usize,
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  out: usize,
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  if (bits != 32) {
    prepareStored(bits, isBf16, codes, absmax, nested, tables, blockSize, scaling, nestedCount, scratch(STORED_BYTES))
  }
  for (let row = begin; row < end; row++) {
    // An id below first wraps around to one past vocab.
    const from = load<u32>(ids + (row << 2)) - first
    if (from >= vocab) continue
    const to = out + row * bytes
    if (bits == 32) memory.copy(to, codes + from * bytes, bytes)
    else decodeStored(from * dim, dim, to, WIDTH * 4)
  }
}
