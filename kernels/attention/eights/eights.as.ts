import { addFour, multiplyFour } from './narrow-eights.as.ts'
import { packRows } from '../../shared/panel.as.ts'
import { addFourWide, multiplyEightWide } from './wide-eights.as.ts'

// Eight rows side by side, element by element, against many rows where they lie: the products of attention, as outer
// products.

/** Rows that are taken at a time: with their weights they stay in a first-level cache. */
export const BLOCK: u32 = 64
/** Bytes of a block's weights: 8 for each row. */
export const BLOCK_BYTES: u32 = BLOCK * 32

/** `dim` up to a multiple of 8: numbers of a row of sums. */
export function wideOf(dim: u32): u32 {
  return (dim + 7) & ~7
}

/**
 * to[i · 8 + r] = row r[i] of up to 8 rows, 0 for those that are missing. `to` has room for wideOf(dim) · 8 numbers.
 */
export function packEight(from: usize, rowBytes: u32, rows: u32, dim: u32, to: usize): void {
  packRows(from, rowBytes, min<u32>(rows, 4), dim, to, 32)
  if (rows > 4) packRows(from + 4 * rowBytes, rowBytes, rows - 4, dim, to + 16, 32)
  else for (let i: u32 = 0; i < dim; i++) v128.store(to + (i << 5), f32x4.splat(0), 16)
}

/** to[r · 8 + c] = row r · eight's row c, for `count` rows; up to 3 rows more of `to` are written. */
export function multiplyEight(rows: usize, rowBytes: u32, count: u32, eight: usize, dim: u32, to: usize): void {
  let r: u32 = 0
  if (WIDE) {
    for (; r + 4 < count; r += 8) {
      multiplyEightWide(rows + r * rowBytes, rowBytes, count - r, eight, dim, to + (r << 5))
    }
  }
  for (; r < count; r += 4) {
    const left = count - r
    const r0 = rows + r * rowBytes
    const r1 = left > 1 ? r0 + rowBytes : r0
    const r2 = left > 2 ? r1 + rowBytes : r1
    const r3 = left > 3 ? r2 + rowBytes : r2
    multiplyFour(r0, r1, r2, r3, eight, dim, to + (r << 5))
  }
}

/**
 * sums[c] += Σ over r of weights[r · 8 + c] · row r of `count` rows; sums [8,wideOf(dim)]. Its first four take only the
 * first `few` rows. Rows that are not whole and side by side are copied so to `copy` first: far apart they would share
 * few lines of the cache.
 */
export function addEight(
  weights: usize,
  rows: usize,
  rowBytes: u32,
  few: u32,
  count: u32,
  dim: u32,
  copy: usize,
  sums: usize,
): void {
  const bytes = wideOf(dim) << 2
  if (!areSideBySide(rowBytes, dim)) {
    copyRows(rows, rowBytes, count, dim, copy, bytes)
    rows = copy
    rowBytes = bytes
  }
  let i: u32 = 0
  if (WIDE) {
    for (; i + 64 <= bytes; i += 64) {
      addFourWide(weights, rows + i, rowBytes, few, sums + i, bytes)
      addFourWide(weights + 16, rows + i, rowBytes, count, sums + 4 * bytes + i, bytes)
    }
  }
  for (; i < bytes; i += 32) {
    addFour(weights, rows + i, rowBytes, few, sums + i, bytes)
    addFour(weights + 16, rows + i, rowBytes, count, sums + 4 * bytes + i, bytes)
  }
}

/** Whether `addEight` takes rows where they lie. */
export function areSideBySide(rowBytes: u32, dim: u32): bool {
  return rowBytes == wideOf(dim) << 2 && !(dim & 7)
}

/**
 * Copies rows side by side, from row `have` up to row `count` where these are more; returns how many there are then.
 * Kernels copy so, once for all items of a head, what `addEight` would copy for each.
 */
export function copyFurther(rows: usize, rowBytes: u32, have: i32, count: i32, dim: u32, to: usize): i32 {
  if (count <= have) return have
  const bytes = wideOf(dim) << 2
  copyRows(rows + have * rowBytes, rowBytes, count - have, dim, to + have * bytes, bytes)
  return count
}

function copyRows(rows: usize, rowBytes: u32, count: u32, dim: u32, to: usize, toBytes: u32): void {
  for (let r: u32 = 0; r < count; r++) {
    let from = rows + r * rowBytes
    let put = to + r * toBytes
    for (const whole = put + ((dim & ~7) << 2); put < whole; put += 32, from += 32) {
      v128.store(put, v128.load(from))
      v128.store(put, v128.load(from, 16), 16)
    }
    for (let left = dim & 7; left > 0; left--, put += 4, from += 4) store<f32>(put, load<f32>(from))
  }
}

/** Writes the first `count` of sums [8,wideOf(dim)] to rows of `dim` numbers that lie `rowBytes` apart. */
export function storeEight(sums: usize, count: u32, dim: u32, to: usize, rowBytes: u32): void {
  copyRows(sums, wideOf(dim) << 2, count, dim, to, rowBytes)
}
