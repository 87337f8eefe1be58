// The parts of a matrix product one by one, each by the functions of kernels/ that the product itself calls, over the
// same memory in the same order. Which parts there are, and what they add up to: kernels/cpu-phases.ts.
import { KEPT_BYTES } from '../../kernels/shared/kept-rows.as.ts'
import {
  COLUMNS,
  columnsAtOnce,
  multiplyPanels,
  packBlock,
  packPanels,
  PANELS_BYTES,
  ROWS,
} from '../../kernels/shared/panel.as.ts'
import { groupOf } from '../../kernels/matmul/multiply-blocks.as.ts'
import { scratch, scratchBytes } from '../../kernels/shared/scratch.as.ts'
import { DEPTH, stripRows } from '../../kernels/shared/tile.as.ts'
import { WIDTH } from '../../kernels/shared/tile-ends.as.ts'
import { decodePanels, prepareStored, STORED_BYTES } from '../../kernels/stored/stored.as.ts'

export { matmul } from '../../kernels/matmul/matmul.as.ts'
export { matmulStored } from '../../kernels/matmul/matmul-stored.as.ts'
export { beginJob } from '../../kernels/shared/kept-rows.as.ts'
export { setScratch, scratchBytes } from '../../kernels/shared/scratch.as.ts'

/** Memory for `bytes`, aligned to 64. */
export function reserve(bytes: u32): usize {
  return (<usize>memory.grow(<i32>((bytes + 0xffff) >> 16))) << 16
}

/** Packs all of a, which is [m,k], or [k,m] if `trans`. */
export function packA(a: usize, m: u32, k: u32, trans: u32): void {
  const rows = scratch(PANELS_BYTES + KEPT_BYTES) + PANELS_BYTES
  for (let row: u32 = 0; row < m; row += ROWS) {
    for (let start: u32 = 0; start < k; start += DEPTH) {
      packBlock(a, trans ? m : k, trans, row, min<u32>(m - row, ROWS), start, min<u32>(k - start, DEPTH), rows)
    }
  }
}

/** Packs all of b, which is [k,n], or [n,k] if `trans`. */
export function packB(b: usize, n: u32, k: u32, trans: u32): void {
  const panels = scratch(PANELS_BYTES)
  const atOnce = columnsAtOnce(trans)
  for (let start: u32 = 0; start < k; start += DEPTH) {
    const depth = min<u32>(k - start, DEPTH)
    for (let first: u32 = 0; first < n; first += atOnce) {
      packPanels(b, n, k, trans, first, min<u32>(n - first, atOnce), start, depth, panels)
    }
  }
}

/** Decodes all of b to panels: double-quantised NF4, [k,n], or [n,k] if `trans`. */
export function decodeB(
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  n: u32,
  k: u32,
  trans: u32,
  blockSize: u32,
  nestedCount: u32,
): void {
  const panels = scratch(PANELS_BYTES + STORED_BYTES + 4 * DEPTH * 4)
  const planes = panels + PANELS_BYTES
  const decoded = planes + STORED_BYTES
  prepareStored(4, 0, codes, absmax, nested, tables, blockSize, 1, nestedCount, planes)
  const atOnce = columnsAtOnce(trans)
  for (let start: u32 = 0; start < k; start += DEPTH) {
    const depth = min<u32>(k - start, DEPTH)
    for (let first: u32 = 0; first < n; first += atOnce) {
      const columns = min<u32>(n - first, atOnce)
      decodePanels(n, k, trans, first, columns, start, depth, panels, decoded)
    }
  }
}

/** The product's tiles in its order, over what was packed last. */
export function multiply(out: usize, m: u32, n: u32, k: u32): void {
  const panels = scratch(PANELS_BYTES + KEPT_BYTES)
  const rows = panels + PANELS_BYTES
  for (let row: u32 = 0; row < m; row += ROWS) {
    const count = min<u32>(m - row, ROWS)
    const group = groupOf(m, count, n, k)
    for (let groupAt: u32 = 0; groupAt < n; groupAt += group) {
      const groupEnd = min<u32>(n, groupAt + group)
      for (let start: u32 = 0; start < k; start += DEPTH) {
        const depth = min<u32>(k - start, DEPTH)
        for (let first = groupAt; first < groupEnd; first += COLUMNS) {
          const to = out + ((row * n + first) << 2)
          // Each block of rows has a place of its own, as in a product.
          const block = rows + start * count * 4
          multiplyPanels(block, count, panels, min<u32>(groupEnd - first, COLUMNS), depth, to, n, 0, 1, start > 0)
        }
      }
    }
  }
}

/** As many tiles, all over the same panel and the same rows of out: nothing leaves the first cache. */
export function multiplyOnePanel(out: usize, m: u32, n: u32, k: u32): void {
  const panels = scratch(PANELS_BYTES + KEPT_BYTES)
  const rows = panels + PANELS_BYTES
  const depth = min<u32>(k, DEPTH)
  const times = (n / WIDTH) * (k / depth)
  for (let r: u32 = 0; r < m; r += stripRows(m - r)) {
    const count = min<u32>(m - r, stripRows(m - r))
    for (let i: u32 = 0; i < times; i++) multiplyPanels(rows, count, panels, WIDTH, depth, out, WIDTH, 0, 1, true)
  }
}
