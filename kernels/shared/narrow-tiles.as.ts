import { madd } from './simd.as.ts'
import { finishTile } from './tile-ends.as.ts'

// Tiles of 8 columns.

/** Of up to four rows: see `tile`. */
export function tileOfFour(
  rowsAt: usize,
  panelAt: usize,
  depth: u32,
  rows: u32,
  columns: u32,
  out: usize,
  outBytes: u32,
  bias: usize,
  add: bool,
  sums: usize,
): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  // The rows of out are fetched from afar while the sums are made.
  load<u32>(out)
  load<u32>(out + (rows > 1 ? outBytes : 0))
  load<u32>(out + (rows > 2 ? 2 * outBytes : 0))
  load<u32>(out + (rows > 3 ? 3 * outBytes : 0))
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
  v128.store(sums, c00)
  v128.store(sums, c01, 16)
  v128.store(sums, c10, 32)
  v128.store(sums, c11, 48)
  v128.store(sums, c20, 64)
  v128.store(sums, c21, 80)
  v128.store(sums, c30, 96)
  v128.store(sums, c31, 112)
  finishTile(sums, rows, columns, out, outBytes, bias, add)
}

/** Of five or six rows. Two steps at a time would be more than V8 has registers for. */
export function tileOfSix(
  rowsAt: usize,
  panelAt: usize,
  depth: u32,
  rows: u32,
  columns: u32,
  out: usize,
  outBytes: u32,
  bias: usize,
  add: bool,
  sums: usize,
): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let c40 = c00
  let c41 = c00
  let c50 = c00
  let c51 = c00
  // The rows of out are fetched from afar while the sums are made.
  load<u32>(out)
  load<u32>(out + outBytes)
  load<u32>(out + 2 * outBytes)
  load<u32>(out + 3 * outBytes)
  load<u32>(out + 4 * outBytes)
  load<u32>(out + (rows > 5 ? 5 : 4) * outBytes)
  let a = rowsAt
  let b = panelAt
  let b0 = c00
  let b1 = c00
  let x = c00
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
    x = v128.load32_splat(a, 16)
    c40 = madd(x, b0, c40)
    c41 = madd(x, b1, c41)
    x = v128.load32_splat(a, 20)
    c50 = madd(x, b0, c50)
    c51 = madd(x, b1, c51)
    a += 24
    b += 32
  }
  v128.store(sums, c00)
  v128.store(sums, c01, 16)
  v128.store(sums, c10, 32)
  v128.store(sums, c11, 48)
  v128.store(sums, c20, 64)
  v128.store(sums, c21, 80)
  v128.store(sums, c30, 96)
  v128.store(sums, c31, 112)
  v128.store(sums, c40, 128)
  v128.store(sums, c41, 144)
  v128.store(sums, c50, 160)
  v128.store(sums, c51, 176)
  finishTile(sums, rows, columns, out, outBytes, bias, add)
}
