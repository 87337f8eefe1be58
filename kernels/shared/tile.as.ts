import { tileOfFour, tileOfSix } from './narrow-tiles.as.ts'
import { wideTileOfFour, wideTileOfSix } from './wide-tiles.as.ts'

// Outer products of packed rows of a and WIDTH packed columns of b (Goto & van de Geijn 2008). Rows are packed in
// strips, as many in one as a tile takes.

/** Steps of k that are packed at a time: a panel then fits a first-level cache. */
export const DEPTH: u32 = 512

/**
 * Rows of most strips. Two multiply-adds that begin in a cycle and end four later need eight sums at least; the twelve
 * of six rows leave a processor some to choose from. Products that are not fused take a register more than there is.
 */
export const STRIP: u32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4

/** Rows of the next strip, where `left` are left: as few as can be are empty. */
export function stripRows(left: u32): u32 {
  return left > 8 || left == 5 || left == 6 ? STRIP : 4
}

/**
 * Writes alpha · rows · panel to a block of out, of a strip's rows and WIDTH columns, or the first of them: see
 * `finishSums`. `left`: the strip's rows and those behind it. `sums`: TILE_BYTES of scratch, with alpha at ALPHA.
 */
export function tile(
  rowsAt: usize,
  panelAt: usize,
  depth: u32,
  left: u32,
  columns: u32,
  out: usize,
  outBytes: u32,
  bias: usize,
  add: bool,
  sums: usize,
): void {
  // Two calls of each function of six rows: one alone is inlined, and V8 up to 12.4 (Node 22) then keeps the zero that
  // its sums begin with in a register that they need.
  if (WIDE) {
    if (left > 8) wideTileOfSix(rowsAt, panelAt, depth, 6, columns, out, outBytes, bias, add, sums)
    else if (stripRows(left) == 6) wideTileOfSix(rowsAt, panelAt, depth, left, columns, out, outBytes, bias, add, sums)
    else wideTileOfFour(rowsAt, panelAt, depth, min<u32>(left, 4), columns, out, outBytes, bias, add, sums)
  } else if (STRIP == 6 && left > 8) tileOfSix(rowsAt, panelAt, depth, 6, columns, out, outBytes, bias, add, sums)
  else if (stripRows(left) == 6) tileOfSix(rowsAt, panelAt, depth, left, columns, out, outBytes, bias, add, sums)
  else tileOfFour(rowsAt, panelAt, depth, min<u32>(left, 4), columns, out, outBytes, bias, add, sums)
}
