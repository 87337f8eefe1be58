// hits[row] = 1 where logits[row,label] is the first of the largest ones of its row, else 0, as where label < 0.
// labels i32 [rows], logits [rows,vocab]. One item is one row.

export function labelHits(
  labels: usize,
  logits: usize,
  hits: usize,
  rows: u32,
  vocab: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const label = load<i32>(labels + (row << 2))
    let isHit = label >= 0
    if (isHit) {
      const from = logits + row * (vocab << 2)
      const picked = load<f32>(from + (label << 2))
      for (let c: i32 = 0; isHit && c < <i32>vocab; c++) {
        const value = load<f32>(from + (c << 2))
        if (value > picked || (value == picked && c < label)) isHit = false
      }
    }
    store<f32>(hits + (row << 2), isHit ? 1 : 0)
  }
}
