import { loadPart, madd, storePart } from './simd.as.ts'

// Outer products of 4 packed rows of a and WIDTH packed columns of b (Goto & van de Geijn 2008), and what becomes of
// them.

/** Columns of a tile, and of a packed panel. kernels/build.ts defines WIDE, 1 in one of the builds and else 0. */
export const WIDTH: u32 = WIDE ? 16 : 8
/** Steps of k that are packed at a time: a panel then fits a first-level cache. */
export const DEPTH: u32 = 512
/** Bytes of scratch that a tile needs. */
export const TILE_BYTES: u32 = 256

function finish(out: usize, bias: usize, sums: v128, columns: u32, alpha: f32, add: bool): void {
  const factor = f32x4.splat(alpha)
  let v = add ? madd(factor, sums, loadPart(out, columns)) : f32x4.mul(factor, sums)
  if (bias) v = f32x4.add(v, loadPart(bias, columns))
  storePart(out, v, columns)
}

function finishRow(out: usize, bias: usize, low: v128, high: v128, columns: u32, alpha: f32, add: bool): void {
  // Most rows are whole and have no bias: they are spared the questions below, a few per cent of a product.
  if (columns >= 8 && !bias) {
    const factor = f32x4.splat(alpha)
    v128.store(out, add ? madd(factor, low, v128.load(out)) : f32x4.mul(factor, low))
    v128.store(out, add ? madd(factor, high, v128.load(out, 16)) : f32x4.mul(factor, high), 16)
    return
  }
  finish(out, bias, low, columns, alpha, add)
  if (columns > 4) finish(out + 16, bias ? bias + 16 : 0, high, columns - 4, alpha, add)
}

/** Writes alpha · sums to a row of out: added to what stands there if `add`, and to `bias` unless that is 0. */
export function finishSums(sums: usize, columns: u32, out: usize, bias: usize, alpha: f32, add: bool): void {
  for (let c: u32 = 0; c < columns; c += 8) {
    const at: usize = c << 2
    finishRow(out + at, bias ? bias + at : 0, v128.load(sums + at), v128.load(sums + at, 16), columns - c, alpha, add)
  }
}

/**
 * Writes alpha · rows · panel to a block of up to 4 rows and WIDTH columns of out: see `finishSums`. `sums`: TILE_BYTES
 * of scratch.
 */
export function tile(
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
  sums: usize,
): void {
  if (WIDE) {
    wideTile(rowsAt, panelAt, depth, rows, columns, out, outBytes, bias, alpha, add, sums)
    return
  }
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
  finishRow(out, bias, c00, c01, columns, alpha, add)
  if (rows > 1) finishRow(out + outBytes, bias, c10, c11, columns, alpha, add)
  if (rows > 2) finishRow(out + 2 * outBytes, bias, c20, c21, columns, alpha, add)
  if (rows > 3) finishRow(out + 3 * outBytes, bias, c30, c31, columns, alpha, add)
}

/**
 * The same for 16 columns. Its 16 sums do not fit 16 registers, unless V8 makes pairs of them
 * (--experimental-wasm-revectorize): it does where they end in stores with no load between them, so they go by way of
 * `sums`.
 */
function wideTile(
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
  if (columns < 16 || bias) {
    for (let r: u32 = 0; r < rows; r++) finishSums(sums + (r << 6), columns, out + r * outBytes, bias, alpha, add)
    return
  }
  // Most tiles are whole and have no bias.
  const factor = f32x4.splat(alpha)
  let from = sums
  let to = out
  for (const last = sums + (rows << 6); from < last; from += 64, to += outBytes) {
    if (add) {
      v128.store(to, madd(factor, v128.load(from), v128.load(to)))
      v128.store(to, madd(factor, v128.load(from, 16), v128.load(to, 16)), 16)
      v128.store(to, madd(factor, v128.load(from, 32), v128.load(to, 32)), 32)
      v128.store(to, madd(factor, v128.load(from, 48), v128.load(to, 48)), 48)
    } else {
      v128.store(to, f32x4.mul(factor, v128.load(from)))
      v128.store(to, f32x4.mul(factor, v128.load(from, 16)), 16)
      v128.store(to, f32x4.mul(factor, v128.load(from, 32)), 32)
      v128.store(to, f32x4.mul(factor, v128.load(from, 48)), 48)
    }
  }
}
