import { madd } from './simd.as.ts'
import { finishTile } from './tile-ends.as.ts'

// Tiles of 16 columns. Their sums do not fit 16 registers, unless V8 makes pairs of them
// (--experimental-wasm-revectorize): it does where they end in stores with no load between them, so they go by way of
// `sums`.

/** Of up to four rows: see `tile`. */
export function wideTileOfFour(
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
  let c02 = c00
  let c03 = c00
  let c10 = c00
  let c11 = c00
  let c12 = c00
  let c13 = c00
  let c20 = c00
  let c21 = c00
  let c22 = c00
  let c23 = c00
  let c30 = c00
  let c31 = c00
  let c32 = c00
  let c33 = c00
  let a = rowsAt
  for (let b = panelAt, last = panelAt + (depth << 6); b < last; a += 16, b += 64) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const b2 = v128.load(b, 32)
    const b3 = v128.load(b, 48)
    let x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    c02 = madd(x, b2, c02)
    c03 = madd(x, b3, c03)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    c12 = madd(x, b2, c12)
    c13 = madd(x, b3, c13)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    c22 = madd(x, b2, c22)
    c23 = madd(x, b3, c23)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    c32 = madd(x, b2, c32)
    c33 = madd(x, b3, c33)
  }
  v128.store(sums, c00)
  v128.store(sums, c01, 16)
  v128.store(sums, c02, 32)
  v128.store(sums, c03, 48)
  v128.store(sums, c10, 64)
  v128.store(sums, c11, 80)
  v128.store(sums, c12, 96)
  v128.store(sums, c13, 112)
  v128.store(sums, c20, 128)
  v128.store(sums, c21, 144)
  v128.store(sums, c22, 160)
  v128.store(sums, c23, 176)
  v128.store(sums, c30, 192)
  v128.store(sums, c31, 208)
  v128.store(sums, c32, 224)
  v128.store(sums, c33, 240)
  finishTile(sums, rows, columns, out, outBytes, bias, add)
}

/** Of five or six rows. */
export function wideTileOfSix(
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
  let c02 = c00
  let c03 = c00
  let c10 = c00
  let c11 = c00
  let c12 = c00
  let c13 = c00
  let c20 = c00
  let c21 = c00
  let c22 = c00
  let c23 = c00
  let c30 = c00
  let c31 = c00
  let c32 = c00
  let c33 = c00
  let c40 = c00
  let c41 = c00
  let c42 = c00
  let c43 = c00
  let c50 = c00
  let c51 = c00
  let c52 = c00
  let c53 = c00
  let a = rowsAt
  for (let b = panelAt, last = panelAt + (depth << 6); b < last; a += 24, b += 64) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const b2 = v128.load(b, 32)
    const b3 = v128.load(b, 48)
    let x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    c02 = madd(x, b2, c02)
    c03 = madd(x, b3, c03)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    c12 = madd(x, b2, c12)
    c13 = madd(x, b3, c13)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    c22 = madd(x, b2, c22)
    c23 = madd(x, b3, c23)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    c32 = madd(x, b2, c32)
    c33 = madd(x, b3, c33)
    x = v128.load32_splat(a, 16)
    c40 = madd(x, b0, c40)
    c41 = madd(x, b1, c41)
    c42 = madd(x, b2, c42)
    c43 = madd(x, b3, c43)
    x = v128.load32_splat(a, 20)
    c50 = madd(x, b0, c50)
    c51 = madd(x, b1, c51)
    c52 = madd(x, b2, c52)
    c53 = madd(x, b3, c53)
  }
  v128.store(sums, c00)
  v128.store(sums, c01, 16)
  v128.store(sums, c02, 32)
  v128.store(sums, c03, 48)
  v128.store(sums, c10, 64)
  v128.store(sums, c11, 80)
  v128.store(sums, c12, 96)
  v128.store(sums, c13, 112)
  v128.store(sums, c20, 128)
  v128.store(sums, c21, 144)
  v128.store(sums, c22, 160)
  v128.store(sums, c23, 176)
  v128.store(sums, c30, 192)
  v128.store(sums, c31, 208)
  v128.store(sums, c32, 224)
  v128.store(sums, c33, 240)
  v128.store(sums, c40, 256)
  v128.store(sums, c41, 272)
  v128.store(sums, c42, 288)
  v128.store(sums, c43, 304)
  v128.store(sums, c50, 320)
  v128.store(sums, c51, 336)
  v128.store(sums, c52, 352)
  v128.store(sums, c53, 368)
  finishTile(sums, rows, columns, out, outBytes, bias, add)
}
