// dTable[v] = (accumulate ? dTable[v] : 0) + Σ dOut[row] over rows with ids[row] = first + v, in the order of the rows;
// ids u32 [rows], dOut [rows,dim], dTable [vocab,dim], which may be a window of a larger table that begins at row
// first. One item is one v; every range reads all ids.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function embeddingBackward(
  ids: usize,
  dOut: usize,
  dTable: usize,
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = dim << 2
  if (!accumulate) memory.fill(dTable + begin * bytes, 0, (end - begin) * bytes)
  for (let row: u32 = 0; row < rows; row++) {
    // An id below first wraps around to one past all rows.
    const id = load<u32>(ids + (row << 2)) - first
    if (id < begin || id >= end) continue
    const from = dOut + row * bytes
    const to = dTable + id * bytes
    for (let i: u32 = 0; i < dim; i += 4) {
      const at: usize = i << 2
      storePart(to + at, f32x4.add(loadPart(to + at, dim - i), loadPart(from + at, dim - i)), dim - i)
    }
  }
}
