import { loadPart, madd, storePart, storeTransposed } from './simd.as.ts'

// Matrix products by outer products of 4 rows of a and 8 columns of b, both packed along k (Goto & van de Geijn 2008).

/** Steps of k that are packed at a time: a panel of b then fills half of a first-level cache. */
export const DEPTH: u32 = 512
/** Panels of 8 columns that are packed at a time, and rows of a: together they fit a second-level cache. */
export const PANELS: u32 = 8
export const ROWS: u32 = 256
/** As many rows of a are not worth packing a b[n,k] for. */
export const FEW: u32 = 12
/** Bytes from one packed panel to the next. */
export const PANEL_BYTES: u32 = DEPTH * 32
/** Bytes of scratch taken by packed panels, and by packed rows of a behind them. */
export const PANELS_BYTES: u32 = PANELS * PANEL_BYTES
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

/** Packs up to 4 columns of a row-major matrix: element (i, column) goes to to[i · step + column]. */
export function packColumns(from: usize, rowBytes: u32, columns: u32, depth: u32, to: usize, step: u32): void {
  let at = from
  let put = to
  const last = to + depth * step
  if (columns == 4) for (; put < last; put += step, at += rowBytes) v128.store(put, v128.load(at))
  else for (; put < last; put += step, at += rowBytes) v128.store(put, loadPart(at, columns))
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
    const panel = to + (c >> 3) * PANEL_BYTES + ((c & 4) << 2)
    const count = min<u32>(columns - c, 4)
    if (trans) packRows(b + (((first + c) * k + start) << 2), k << 2, count, depth, panel, 32)
    else packColumns(b + ((start * n + first + c) << 2), n << 2, count, depth, panel, 32)
  }
}

function finish(out: usize, bias: usize, sums: v128, columns: u32, alpha: f32, add: bool): void {
  const factor = f32x4.splat(alpha)
  let v = add ? madd(factor, sums, loadPart(out, columns)) : f32x4.mul(factor, sums)
  if (bias) v = f32x4.add(v, loadPart(bias, columns))
  storePart(out, v, columns)
}

function finishRow(out: usize, bias: usize, low: v128, high: v128, columns: u32, alpha: f32, add: bool): void {
  finish(out, bias, low, columns, alpha, add)
  if (columns > 4) finish(out + 16, bias ? bias + 16 : 0, high, columns - 4, alpha, add)
}

/** Writes alpha · sums to a row of out: added to what stands there if `add`, and to `bias` unless that is 0. */
export function finishSums(sums: usize, columns: u32, out: usize, bias: usize, alpha: f32, add: bool): void {
  for (let c: u32 = 0; c < columns; c += 4) {
    const at: usize = c << 2
    finish(out + at, bias ? bias + at : 0, v128.load(sums + at), columns - c, alpha, add)
  }
}

function tile(
  rowsAt: usize,
  panelAt: usize,
  depth: u32,
  rows: u32,
  columns: u32,
  out: usize,
  outBytes: u32,
  bias: usize,
  alpha: f32,
  add: bool,
): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let a = rowsAt
  let b = panelAt
  let b0 = c00
  let b1 = c00
  let x = c00
  // V8 moves the loads of a block to its top, and then has no registers left for the sums: the exit between two steps
  // makes a block of each.
  const last = b + (depth << 5)
  while (b < last) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    a += 16
    b += 32
    if (b >= last) break
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    a += 16
    b += 32
  }
  finishRow(out, bias, c00, c01, columns, alpha, add)
  if (rows > 1) finishRow(out + outBytes, bias, c10, c11, columns, alpha, add)
  if (rows > 2) finishRow(out + 2 * outBytes, bias, c20, c21, columns, alpha, add)
  if (rows > 3) finishRow(out + 3 * outBytes, bias, c30, c31, columns, alpha, add)
}

/** Packs `count` rows of a from `first`, at most ROWS; a is [m,k], or [k,m] if `trans`; of k, `depth` steps from `start`. */
export function packBlock(
  a: usize,
  m: u32,
  k: u32,
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
    if (trans) packColumns(a + ((start * m + first + r) << 2), m << 2, rows, depth, group, 16)
    else packRows(a + (((first + r) * k + start) << 2), k << 2, rows, depth, group, 16)
  }
}

/** Adds alpha · rows · panels, `count` packed rows and `columns` packed columns, to the block of out[…,n] at `out`. */
export function multiplyPanels(
  rows: usize,
  count: u32,
  panels: usize,
  columns: u32,
  depth: u32,
  out: usize,
  n: u32,
  bias: usize,
  alpha: f32,
  add: bool,
): void {
  for (let c: u32 = 0; c < columns; c += 8) {
    const panel = panels + (c >> 3) * PANEL_BYTES
    const wide = min<u32>(columns - c, 8)
    const biasAt = bias ? bias + (c << 2) : 0
    for (let r: u32 = 0; r < count; r += 4) {
      const to = out + ((r * n + c) << 2)
      tile(rows + r * DEPTH * 4, panel, depth, min<u32>(count - r, 4), wide, to, n << 2, biasAt, alpha, add)
    }
  }
}
