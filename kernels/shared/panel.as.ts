import { loadPart, storeTransposed } from './simd.as.ts'
import { DEPTH, tile, TILE_BYTES, WIDTH } from './tile.as.ts'

// Matrix products by tiles of 4 rows of a and WIDTH columns of b, both packed along k (Goto & van de Geijn 2008).

/** Columns of b that are packed at a time: rows of a b[k,n] are then read in whole lines of memory. */
export const COLUMNS: u32 = 64
/** Rows of a over which columns of b are packed once. Their block comes from a cache farther off, a line at a time. */
export const ROWS: u32 = 512
/** As many rows of a are not worth packing a b[n,k] for. */
export const FEW: u32 = 12
/** Bytes from one packed panel to the next. */
export const PANEL_BYTES: u32 = DEPTH * WIDTH * 4
/** Bytes of scratch taken by packed panels with what a tile needs, and by a block of packed rows. */
export const PANELS_BYTES: u32 = COLUMNS * DEPTH * 4 + TILE_BYTES
export const ROWS_BYTES: u32 = ROWS * DEPTH * 4

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

/** Packs 8 rows of a row-major matrix, as `packRows` does: whole lines of a panel are written one after another. */
function packEightRows(from: usize, rowBytes: u32, depth: u32, to: usize, step: u32): void {
  let at = from
  for (let put = to, last = to + depth * step; put < last; put += 4 * step, at += 16) {
    const middle = at + 4 * rowBytes
    const c = v128.load(at + 2 * rowBytes)
    const g = v128.load(middle + 2 * rowBytes)
    storeTransposed(v128.load(at), v128.load(at + rowBytes), c, v128.load(at + 3 * rowBytes), put, step)
    storeTransposed(
      v128.load(middle),
      v128.load(middle + rowBytes),
      g,
      v128.load(middle + 3 * rowBytes),
      put + 16,
      step,
    )
  }
}

/**
 * Packs columns of a row-major matrix into panels. Four rows at a time are read from end to end: a column at a time
 * would meet another page of memory, and the same few lines of a cache, at every step.
 */
function packColumns(from: usize, rowBytes: u32, columns: u32, depth: u32, to: usize): void {
  const step = WIDTH << 2
  const whole = columns & ~7
  let i: u32 = 0
  for (let line = to; i + 4 <= depth; i += 4, line += 4 * step) {
    let at = from + i * rowBytes
    for (let c: u32 = 0; c < whole; c += 8, at += 32) {
      const at2 = at + 2 * rowBytes
      const put = panelAt(line, c)
      const a0 = v128.load(at)
      const b0 = v128.load(at, 16)
      const a1 = v128.load(at + rowBytes)
      const b1 = v128.load(at + rowBytes, 16)
      const a2 = v128.load(at2)
      const b2 = v128.load(at2, 16)
      const a3 = v128.load(at2 + rowBytes)
      const b3 = v128.load(at2 + rowBytes, 16)
      v128.store(put, a0)
      v128.store(put, b0, 16)
      v128.store(put, a1, step)
      v128.store(put, b1, step + 16)
      v128.store(put, a2, 2 * step)
      v128.store(put, b2, 2 * step + 16)
      v128.store(put, a3, 3 * step)
      v128.store(put, b3, 3 * step + 16)
    }
  }
  // Columns behind the last eight of those rows, then the rows behind the last four.
  for (let j: u32 = 0; j < depth; j++) {
    const row = from + j * rowBytes
    for (let c = j < i ? whole : 0; c < columns; c += 4) {
      v128.store(panelAt(to, c) + j * step, loadPart(row + (c << 2), columns - c))
    }
  }
}

/** Packs columns of a row-major matrix in groups of four, DEPTH steps apart, in the same order. */
function packColumnsByFour(from: usize, rowBytes: u32, columns: u32, depth: u32, to: usize): void {
  const whole = columns & ~3
  let i: u32 = 0
  for (; i + 4 <= depth; i += 4) {
    let at = from + i * rowBytes
    let put = to + (i << 4)
    for (const last = at + (whole << 2); at < last; at += 16, put += DEPTH * 16) {
      const at2 = at + 2 * rowBytes
      const a0 = v128.load(at)
      const a1 = v128.load(at + rowBytes)
      const a2 = v128.load(at2)
      const a3 = v128.load(at2 + rowBytes)
      v128.store(put, a0)
      v128.store(put, a1, 16)
      v128.store(put, a2, 32)
      v128.store(put, a3, 48)
    }
  }
  for (let j: u32 = 0; j < depth; j++) {
    const row = from + j * rowBytes
    for (let c = j < i ? whole : 0; c < columns; c += 4) {
      v128.store(to + c * DEPTH * 4 + (j << 4), loadPart(row + (c << 2), columns - c))
    }
  }
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
  if (!trans) {
    packColumns(b + ((start * n + first) << 2), n << 2, columns, depth, to)
    return
  }
  const from = b + ((first * k + start) << 2)
  const rowBytes = k << 2
  let c: u32 = 0
  const whole: u32 = depth & 3 ? 0 : columns & ~7
  for (; c < whole; c += 8) {
    packEightRows(from + c * rowBytes, rowBytes, depth, panelAt(to, c), WIDTH * 4)
  }
  for (; c < columns; c += 4) {
    packRows(from + c * rowBytes, rowBytes, min<u32>(columns - c, 4), depth, panelAt(to, c), WIDTH * 4)
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
  if (trans) {
    packColumnsByFour(a + ((start * pitch + first) << 2), pitch << 2, count, depth, to)
    return
  }
  const from = a + ((first * pitch + start) << 2)
  const rowBytes = pitch << 2
  for (let r: u32 = 0; r < count; r += 4) {
    packRows(from + r * rowBytes, rowBytes, min<u32>(count - r, 4), depth, to + r * DEPTH * 4, 16)
  }
}

/**
 * Adds alpha · rows · panels, `count` packed rows and `columns` packed columns, to the block of out at `out`, `pitch`
 * elements a row. `panels`: PANELS_BYTES of scratch.
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
  const sums = panels + COLUMNS * DEPTH * 4
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
