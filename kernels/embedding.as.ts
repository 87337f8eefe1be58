// out[row] = table[ids[row] - first]; ids u32 [rows], table [vocab,dim], out [rows,dim]. A row whose id is below first or not
// below first + vocab stays: the table may be a window of a larger one. One item is one row.
export function embedding(
  ids: usize,
  table: usize,
  out: usize,
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  for (let row = begin; row < end; row++) {
    // An id below first wraps around to one past vocab.
    const from = load<u32>(ids + (row << 2)) - first
    if (from < vocab) memory.copy(out + row * bytes, table + from * bytes, bytes)
  }
}
