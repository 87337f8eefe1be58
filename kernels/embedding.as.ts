// out[row] = table[ids[row]]; ids u32 [rows], table [.,dim], out [rows,dim]. One item is one row.
export function embedding(ids: usize, table: usize, out: usize, rows: u32, dim: u32, begin: u32, end: u32): void {
  const bytes = dim << 2
  for (let row = begin; row < end; row++) {
    memory.copy(out + row * bytes, table + load<u32>(ids + (row << 2)) * bytes, bytes)
  }
}
