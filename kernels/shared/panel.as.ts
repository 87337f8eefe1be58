import { loadPart, storeTransposed } from './simd.as.ts'
import { DEPTH, STRIP, stripRows, tile } from './tile.as.ts'
import { ALPHA, TILE_BYTES, WIDTH } from './tile-ends.as.ts'

// Matrix products by tiles of a strip of rows of a and WIDTH columns of b, both packed along k (Goto & van de Geijn
// 2008).

/** Most columns of b that are packed at a time. */
export const COLUMNS: u32 = 128
/** Rows of a over which columns of b are packed once. Their block comes from a cache farther off, a line at a time. */
export const ROWS: u32 = 512
/**
 * As many rows of a are not worth packing a b[n,k] for: over a b in 4 bits tiles of fused products win from four rows
 * on, over one in f32 on average. Both take the same way, so that they give the same bits.
 */
export const FEW: u32 = ASC_FEATURE_RELAXED_SIMD ? 3 : 12
/** Bytes from one packed panel to the next: the same row of all of them would else share the same lines of a cache. */
export const PANEL_BYTES: u32 = DEPTH * WIDTH * 4 + 64
/** Bytes of COLUMNS packed columns. */
const PACKED_BYTES: u32 = (COLUMNS / WIDTH) * PANEL_BYTES
/** Bytes of scratch taken by packed panels with what a tile needs, and by a block of packed rows. */
export const PANELS_BYTES: u32 = PACKED_BYTES + TILE_BYTES
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

/** Packs a strip of rows of a row-major matrix: element (row, i) goes to to[i · height + row]. Missing rows are anything. */
function packStrip(from: usize, rowBytes: u32, rows: u32, depth: u32, to: usize, height: u32): void {
  packRows(from, rowBytes, min<u32>(rows, 4), depth, to, height << 2)
  if (height > 4) packTwoRows(from + 4 * rowBytes, rowBytes, rows - 4, depth, to + 16)
}

/** The last two rows of a strip of six, or the last but one. */
function packTwoRows(from: usize, rowBytes: u32, rows: u32, depth: u32, to: usize): void {
  const second = rows > 1 ? rowBytes : 0
  let i: u32 = 0
  let put = to
  for (; i + 4 <= depth; i += 4, put += 96) {
    const at = from + (i << 2)
    const e = v128.load(at)
    const f = v128.load(at + second)
    const low = v128.shuffle<f32>(e, f, 0, 4, 1, 5)
    const high = v128.shuffle<f32>(e, f, 2, 6, 3, 7)
    v128.store64_lane(put, low, 0)
    v128.store64_lane(put, low, 1, 24)
    v128.store64_lane(put, high, 0, 48)
    v128.store64_lane(put, high, 1, 72)
  }
  for (; i < depth; i++, put += 24) {
    store<f32>(put, load<f32>(from + (i << 2)))
    store<f32>(put, load<f32>(from + second + (i << 2)), 4)
  }
}

/** Packs columns of a row-major matrix in strips, DEPTH steps apart, in the same order. */
function packColumnsInStrips(from: usize, rowBytes: u32, columns: u32, depth: u32, to: usize): void {
  for (let i: u32 = 0; i < depth; i += 4) {
    const steps = min<u32>(depth - i, 4)
    const at = from + i * rowBytes
    let c: u32 = 0
    if (steps == 4) {
      for (; columns - c > 8; c += STRIP) {
        const put = to + (c * DEPTH + i * STRIP) * 4
        if (STRIP == 6) packSixColumns(at + (c << 2), rowBytes, put)
        else packFourColumns(at + (c << 2), rowBytes, put)
      }
    }
    let height: u32 = 0
    for (; c < columns; c += height) {
      height = stripRows(columns - c)
      packPart(at + (c << 2), rowBytes, columns - c, steps, to + (c * DEPTH + i * height) * 4, height)
    }
  }
}

/** Four steps of a strip of four columns. */
function packFourColumns(at: usize, rowBytes: u32, to: usize): void {
  const at2 = at + 2 * rowBytes
  const a0 = v128.load(at)
  const a1 = v128.load(at + rowBytes)
  const a2 = v128.load(at2)
  const a3 = v128.load(at2 + rowBytes)
  v128.store(to, a0)
  v128.store(to, a1, 16)
  v128.store(to, a2, 32)
  v128.store(to, a3, 48)
}

/** Four steps of a strip of six columns. */
function packSixColumns(at: usize, rowBytes: u32, to: usize): void {
  const at2 = at + 2 * rowBytes
  const a0 = v128.load(at)
  const b0 = load<u64>(at, 16)
  const a1 = v128.load(at + rowBytes)
  const b1 = load<u64>(at + rowBytes, 16)
  const a2 = v128.load(at2)
  const b2 = load<u64>(at2, 16)
  const a3 = v128.load(at2 + rowBytes)
  const b3 = load<u64>(at2 + rowBytes, 16)
  v128.store(to, a0)
  store<u64>(to, b0, 16)
  v128.store(to, a1, 24)
  store<u64>(to, b1, 40)
  v128.store(to, a2, 48)
  store<u64>(to, b2, 64)
  v128.store(to, a3, 72)
  store<u64>(to, b3, 88)
}

/** Up to four steps of a strip whose last columns may be missing: they are 0. */
function packPart(at: usize, rowBytes: u32, columns: u32, steps: u32, to: usize, height: u32): void {
  for (let j: u32 = 0; j < steps; j++, at += rowBytes, to += height << 2) {
    v128.store(to, loadPart(at, columns))
    if (height == 4) continue
    store<f32>(to, load<f32>(at, 16), 16)
    store<f32>(to, columns > 5 ? load<f32>(at, 20) : 0, 20)
  }
}

/**
 * Columns of b that are packed at a time. Rows of a b[k,n] are read in pieces as wide, and a longer piece takes memory
 * less; rows of a b[n,k] are read along k in any case.
 */
export function columnsAtOnce(trans: u32): u32 {
  return trans ? 64 : COLUMNS
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
    packColumnsInStrips(a + ((start * pitch + first) << 2), pitch << 2, count, depth, to)
    return
  }
  const from = a + ((first * pitch + start) << 2)
  const rowBytes = pitch << 2
  let height: u32 = 0
  for (let r: u32 = 0; r < count; r += height) {
    const left = count - r
    height = stripRows(left)
    packStrip(from + r * rowBytes, rowBytes, min<u32>(left, height), depth, to + r * DEPTH * 4, height)
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
  const sums = panels + PACKED_BYTES
  store<f32>(sums, alpha, ALPHA)
  for (let c: u32 = 0; c < columns; c += WIDTH) {
    const panel = panelAt(panels, c)
    const wide = min<u32>(columns - c, WIDTH)
    const biasAt = bias ? bias + (c << 2) : 0
    for (let r: u32 = 0; r < count; r += stripRows(count - r)) {
      const to = out + ((r * pitch + c) << 2)
      tile(rows + r * DEPTH * 4, panel, depth, count - r, wide, to, pitch << 2, biasAt, add, sums)
    }
  }
}
