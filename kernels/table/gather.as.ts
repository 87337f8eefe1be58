// out[row,j] = x[row,ids[row,j]], 0 where that is no column; x [rows,dim], ids i32 and out [rows,picks]. One item is
// one row.

export function gather(ids: usize, x: usize, out: usize, rows: u32, dim: u32, picks: u32, begin: u32, end: u32): void {
  for (let i = begin * picks; i < end * picks; i++) {
    // A negative id wraps around to one past all columns.
    const id = load<u32>(ids + (i << 2))
    store<f32>(out + (i << 2), id < dim ? load<f32>(x + ((i / picks) * dim + id) * 4) : 0)
  }
}
