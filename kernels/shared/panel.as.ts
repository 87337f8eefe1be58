import { loadPart, storeTransposed } from './simd.as.ts'
import { DEPTH, tile, TILE_BYTES, WIDTH } from './tile.as.ts'

// Matrix products by tiles of 4 rows of a and WIDTH columns of b, both packed along k (Goto & van de Geijn 2008).

/** Columns of b that are packed at a time, and rows of a: together they fit a second-level cache. */
export const COLUMNS: u32 = 64
export const ROWS: u32 = 256
/** As many rows of a are not worth packing a b[n,k] for. */
export const FEW: u32 = 12
/** Bytes from one packed panel to the next. */
export const PANEL_BYTES: u32 = DEPTH * WIDTH * 4
/** Bytes of scratch taken by packed panels, and by packed rows of a behind them with what a tile needs. */
export const PANELS_BYTES: u32 = COLUMNS * DEPTH * 4
export const ROWS_BYTES: u32 = ROWS * DEPTH * 4 + TILE_BYTES

/** Packs up to 4 rows of a row-major matrix: element (row, i) goes to to[i · step + row]; missing rows are 0. */
export function packRows(from: usize, rowBytes: u32, rows: u32, depth: u32, to: usize, step: u32): void {
  const zero = f32x4.splat(0)
  const whole = rows == 4 ? depth & ~3 : 0
  let i: u32 = 0
  for (; i < whole; i += 4) {
    const at = from + (i << 2)
    const c = v128.load(at + 2 * rowBytes)
    storeTransposed(v128.load(at), v128.load(at + rowBytes), c, v128.load(at + 3 * rowBytes), to + i * step, step)
  }
  // Up to three rows of the panel behind `depth` may be written; it is as deep as DEPTH, a multiple of 4.
  for (; i < depth; i += 4) {
    const at = from + (i << 2)
    const left = depth - i
    const a = loadPart(at, left)
    const b = rows > 1 ? loadPart(at + rowBytes, left) : zero
    const c = rows > 2 ? loadPart(at + 2 * rowBytes, left) : zero
    const d = rows > 3 ? loadPart(at + 3 * rowBytes, left) : zero
    storeTransposed(a, b, c, d, to + i * step, step)
  }
}

/** Packs up to 4 columns of a row-major matrix: element (i, column) goes to to[i · step + column]. */
export function packColumns(from: usize, rowBytes: u32, columns: u32, depth: u32, to: usize, step: u32): void {
  let at = from
  let put = to
  const last = to + depth * step
  if (columns == 4) for (; put < last; put += step, at += rowBytes) v128.store(put, v128.load(at))
  else for (; put < last; put += step, at += rowBytes) v128.store(put, loadPart(at, columns))
}

/** Where column `c` of packed panels begins. */
export function panelAt(panels: usize, c: u32): usize {
  return panels + (c / WIDTH) * PANEL_BYTES + ((c & (WIDTH - 1)) << 2)
}

/** Packs panels of b[k,n], or of b[n,k] if `trans`: columns from `first`, steps of k from `start`. */
export function packPanels(
  b: usize,
  n: u32,
  k: u32,
  trans: u32,
  first: u32,
  columns: u32,
  start: u32,
  depth: u32,
  to: usize,
): void {
  for (let c: u32 = 0; c < columns; c += 4) {
    const panel = panelAt(to, c)
    const count = min<u32>(columns - c, 4)
    if (trans) packRows(b + (((first + c) * k + start) << 2), k << 2, count, depth, panel, WIDTH * 4)
    else packColumns(b + ((start * n + first + c) << 2), n << 2, count, depth, panel, WIDTH * 4)
  }
}

/**
 * Packs `count` rows of a from `first`, at most ROWS; a is [m,k], or [k,m] if `trans`, `pitch` elements a row; of k,
 * `depth` steps from `start`.
 */
export function packBlock(
  a: usize,
  pitch: u32,
  trans: u32,
  first: u32,
  count: u32,
  start: u32,
  depth: u32,
  to: usize,
): void {
  for (let r: u32 = 0; r < count; r += 4) {
    const group = to + r * DEPTH * 4
    const rows = min<u32>(count - r, 4)
    if (trans) packColumns(a + ((start * pitch + first + r) << 2), pitch << 2, rows, depth, group, 16)
    else packRows(a + (((first + r) * pitch + start) << 2), pitch << 2, rows, depth, group, 16)
  }
}

/**
 * Adds alpha · rows · panels, `count` packed rows and `columns` packed columns, to the block of out at `out`, `pitch`
 * elements a row.
 */
export function multiplyPanels(
  rows: usize,
  count: u32,
  panels: usize,
  columns: u32,
  depth: u32,
  out: usize,
  pitch: u32,
  bias: usize,
  alpha: f32,
  add: bool,
): void {
  const sums = rows + ROWS * DEPTH * 4
  for (let c: u32 = 0; c < columns; c += WIDTH) {
    const panel = panelAt(panels, c)
    const wide = min<u32>(columns - c, WIDTH)
    const biasAt = bias ? bias + (c << 2) : 0
    for (let r: u32 = 0; r < count; r += 4) {
      const to = out + ((r * pitch + c) << 2)
      tile(rows + r * DEPTH * 4, panel, depth, min<u32>(count - r, 4), wide, to, pitch << 2, biasAt, alpha, add, sums)
    }
  }
}
