// dX[row,c] = Σ dOut[row,j] over j with ids[row,j] = c, in their order; dX [rows,dim], ids i32 and dOut [rows,picks].
// One item is one row.

export function gatherBackward(
  ids: usize,
  dOut: usize,
  dX: usize,
  rows: u32,
  dim: u32,
  picks: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const to = dX + row * (dim << 2)
    memory.fill(to, 0, dim << 2)
    for (let i = row * picks; i < (row + 1) * picks; i++) {
      const id = load<u32>(ids + (i << 2))
      if (id < dim) store<f32>(to + (id << 2), load<f32>(to + (id << 2)) + load<f32>(dOut + (i << 2)))
    }
  }
}
