import { KEPT_BYTES, keepsAll, keptBlock } from '../shared/kept-rows.as.ts'
import { COLUMNS, columnsAtOnce, multiplyPanels, packPanels, PANELS_BYTES, ROWS } from '../shared/panel.as.ts'
import { DEPTH } from '../shared/tile.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'
import { decodePanels } from '../stored/stored.as.ts'

// The order in which blocks of a product are packed and multiplied (Goto & van de Geijn 2008).

/** Bytes of scratch that `multiplyBlocks` needs. */
export const BLOCKS_BYTES: u32 = PANELS_BYTES + KEPT_BYTES

/** Bytes of out over which all steps of k go before the next columns: a second-level cache holds them meanwhile. */
const OUT_BYTES: u32 = 0x40000

/** Columns over which all steps of k go before the next ones, of `count` rows of a. */
export function groupOf(m: u32, count: u32, n: u32, k: u32): u32 {
  // Blocks of a that are not kept would be packed anew for each group.
  return keepsAll(m, k) ? max<u32>((OUT_BYTES / 4 / count) & ~(COLUMNS - 1), COLUMNS) : n
}

/** Where the panel that holds a column begins, or the next one: shares are cut there, so that none has half a panel. */
function panelEdge(column: u32): u32 {
  return (column + WIDTH - 1) & ~(WIDTH - 1)
}

/**
 * The columns of a product from `begin` to `end`, both moved up to where a panel begins: out = (accumulate ? out : 0) +
 * alpha · op(a) · op(b) + bias, in the terms of matmul.as.ts. `decoded`: 0 if b is f32, else scratch for four rows of
 * DEPTH, and b is what `prepareStored` was told. `panels`: BLOCKS_BYTES of scratch.
 */
export function multiplyBlocks(
  a: usize,
  b: usize,
  bias: usize,
  out: usize,
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transA: u32,
  transB: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
  panels: usize,
  decoded: usize,
): void {
  const firstColumn = panelEdge(begin)
  const lastColumn = min<u32>(panelEdge(end), n)
  const atOnce = columnsAtOnce(transB)
  for (let row: u32 = 0; row < m; row += ROWS) {
    const count = min<u32>(m - row, ROWS)
    const group = groupOf(m, count, n, k)
    for (let groupAt = firstColumn; groupAt < lastColumn; groupAt += group) {
      const groupEnd = min<u32>(lastColumn, groupAt + group)
      let start: u32 = 0
      do {
        const depth = min<u32>(k - start, DEPTH)
        const add = start > 0 || accumulate != 0
        const rows = keptBlock(a, pitchA, transA, m, row, k, start, panels + PANELS_BYTES)
        for (let first = groupAt; first < groupEnd; first += atOnce) {
          const columns = min<u32>(groupEnd - first, atOnce)
          const biasNow = bias && start == 0 ? bias + (first << 2) : 0
          if (decoded) decodePanels(n, k, transB, first, columns, start, depth, panels, decoded)
          else packPanels(b, n, k, transB, first, columns, start, depth, panels)
          const to = out + ((row * pitchOut + first) << 2)
          multiplyPanels(rows, count, panels, columns, depth, to, pitchOut, biasNow, alpha, add)
        }
        start += DEPTH
      } while (start < k)
    }
  }
}
