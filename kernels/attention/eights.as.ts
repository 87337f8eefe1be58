import { packRows } from '../shared/panel.as.ts'
import { madd } from '../shared/simd.as.ts'

// Eight rows side by side, element by element, against many rows where they lie: the products of attention, as outer
// products of 4 rows and 8 columns (see narrow-tiles.as.ts for the shape of their loops).

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
  for (let r: u32 = 0; r < count; r += 4) {
    const left = count - r
    const r0 = rows + r * rowBytes
    const r1 = left > 1 ? r0 + rowBytes : r0
    const r2 = left > 2 ? r1 + rowBytes : r1
    const r3 = left > 3 ? r2 + rowBytes : r2
    multiplyFour(r0, r1, r2, r3, eight, dim, to + (r << 5))
  }
}

function multiplyFour(r0: usize, r1: usize, r2: usize, r3: usize, eight: usize, dim: u32, to: usize): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let b0 = c00
  let b1 = c00
  let x = c00
  let b = eight
  const last = b + (dim << 5)
  while (b < last) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(r0)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(r1)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(r2)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(r3)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    b += 32
    if (b >= last) break
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(r0, 4)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(r1, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(r2, 4)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(r3, 4)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    b += 32
    r0 += 8
    r1 += 8
    r2 += 8
    r3 += 8
  }
  v128.store(to, c00)
  v128.store(to, c01, 16)
  v128.store(to, c10, 32)
  v128.store(to, c11, 48)
  v128.store(to, c20, 64)
  v128.store(to, c21, 80)
  v128.store(to, c30, 96)
  v128.store(to, c31, 112)
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
  for (let i: u32 = 0; i < bytes; i += 32) {
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

function addFour(weights: usize, rows: usize, rowBytes: u32, count: u32, to: usize, toBytes: u32): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let b0 = c00
  let b1 = c00
  let x = c00
  let a = weights
  let b = rows
  const last = a + (count << 5)
  while (a < last) {
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
    a += 32
    b += rowBytes
    if (a >= last) break
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
    a += 32
    b += rowBytes
  }
  addPair(to, c00, c01)
  addPair(to + toBytes, c10, c11)
  addPair(to + 2 * toBytes, c20, c21)
  addPair(to + 3 * toBytes, c30, c31)
}

function addPair(to: usize, low: v128, high: v128): void {
  v128.store(to, f32x4.add(v128.load(to), low))
  v128.store(to, f32x4.add(v128.load(to, 16), high), 16)
}

/** Writes the first `count` of sums [8,wideOf(dim)] to rows of `dim` numbers that lie `rowBytes` apart. */
export function storeEight(sums: usize, count: u32, dim: u32, to: usize, rowBytes: u32): void {
  copyRows(sums, wideOf(dim) << 2, count, dim, to, rowBytes)
}
