// norms[i] = the length of row i of W + alpha · b · a; W [rows,dim] as matmul-stored.as.ts reads it, or f32 where bits
// is 32; a [r,dim], b [rows,r], f32. DoRA's ‖W + s B A‖ (arXiv 2402.09353). The sum itself is made, a block at a time:
// ‖W‖² + 2 s W·(B A) + s² ‖B A‖² would lose all digits of a row that the update cancels. One item is 4 rows.
import { multiplyPanels, packBlock, packPanels, PANELS_BYTES, ROWS_BYTES } from '../shared/panel.as.ts'
import { scratch } from '../shared/scratch.as.ts'
import { loadPart, madd, sumWide, widen } from '../shared/simd.as.ts'
import { decodeStored, prepareStored, STORED_BYTES } from '../stored/stored.as.ts'
import { DEPTH } from '../shared/tile.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'

/** Rows and columns whose sums are made at a time: as many as a first-level cache holds. */
const GROUP: u32 = 64
const COLUMNS: u32 = 64
const BLOCK_BYTES: u32 = GROUP * COLUMNS * 4

export function updatedNorms(
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  a: usize,
  b: usize,
  norms: usize,
  rows: u32,
  dim: u32,
  r: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const panels = scratch(PANELS_BYTES + ROWS_BYTES + BLOCK_BYTES + GROUP * 16 + STORED_BYTES)
  const packed = panels + PANELS_BYTES
  const block = packed + ROWS_BYTES
  const totals = block + BLOCK_BYTES
  if (bits != 32) {
    const planes = totals + GROUP * 16
    prepareStored(bits, isBf16, codes, absmax, nested, tables, blockSize, scaling, nestedCount, planes)
  }
  const last = min<u32>(end << 2, rows)
  for (let row = begin << 2; row < last; row += GROUP) {
    const count = min<u32>(last - row, GROUP)
    memory.fill(totals, 0, count << 4)
    if (r <= DEPTH) packBlock(b, r, 0, row, count, 0, r, packed)
    for (let first: u32 = 0; first < dim; first += COLUMNS) {
      const columns = min<u32>(dim - first, COLUMNS)
      for (let j: u32 = 0; j < count; j++) {
        const from = (row + j) * dim + first
        const to = block + j * COLUMNS * 4
        if (bits == 32) memory.copy(to, codes + (from << 2), columns << 2)
        else decodeStored(from, columns, to, WIDTH * 4)
      }
      for (let start: u32 = 0; start < r; start += DEPTH) {
        const depth = min<u32>(r - start, DEPTH)
        if (r > DEPTH) packBlock(b, r, 0, row, count, start, depth, packed)
        packPanels(a, dim, r, 0, first, columns, start, depth, panels)
        multiplyPanels(packed, count, panels, columns, depth, block, COLUMNS, 0, alpha, true)
      }
      for (let j: u32 = 0; j < count; j++) addSquares(block + j * COLUMNS * 4, columns, totals + (j << 4))
    }
    for (let j: u32 = 0; j < count; j++) {
      store<f32>(norms + ((row + j) << 2), <f32>sqrt<f64>(sumWide(v128.load(totals + (j << 4)))))
    }
  }
}

/** Adds the squares of a block's row to its two sums in f64. */
function addSquares(from: usize, count: u32, total: usize): void {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let i: u32 = 0
  for (; i + 8 <= count; i += 8) {
    const x = v128.load(from + (i << 2))
    const y = v128.load(from + (i << 2), 16)
    s0 = madd(x, x, s0)
    s1 = madd(y, y, s1)
  }
  for (; i < count; i += 4) {
    const x = loadPart(from + (i << 2), count - i)
    s0 = madd(x, x, s0)
  }
  v128.store(total, widen(v128.load(total), f32x4.add(s0, s1)))
}
