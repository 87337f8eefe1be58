import { loadPart, madd, storePart } from './simd.as.ts'

// What becomes of the sums of a tile.

/** Columns of a tile, and of a packed panel. kernels/build.ts defines WIDE, 1 in one of the builds and else 0. */
export const WIDTH: u32 = WIDE ? 16 : 8
/** Where alpha lies behind the sums of a tile: all registers are taken while they are made. */
export const ALPHA: u32 = 384
/** Bytes of scratch that a tile needs: its sums, and alpha. */
export const TILE_BYTES: u32 = 400

function finish(out: usize, bias: usize, sums: v128, columns: u32, alpha: f32, add: bool): void {
  const factor = f32x4.splat(alpha)
  let v = add ? madd(factor, sums, loadPart(out, columns)) : f32x4.mul(factor, sums)
  if (bias) v = f32x4.add(v, loadPart(bias, columns))
  storePart(out, v, columns)
}

/** Writes up to eight sums of a row: see `finishSums`. */
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
 * Writes alpha · sums to up to `rows` rows of out, WIDTH sums for each: see `finishSums`. A tile that went on with its
 * sums in registers would have too few of them while it makes the sums: V8 spills what lives across a call.
 */
export function finishTile(
  sums: usize,
  rows: u32,
  columns: u32,
  out: usize,
  outBytes: u32,
  bias: usize,
  add: bool,
): void {
  const alpha = load<f32>(sums, ALPHA)
  const last = sums + rows * WIDTH * 4
  let to = out
  if (columns < WIDTH || bias) {
    for (let from = sums; from < last; from += WIDTH * 4, to += outBytes) {
      finishSums(from, columns, to, bias, alpha, add)
    }
    return
  }
  // Most tiles are whole and have no bias.
  const factor = f32x4.splat(alpha)
  for (let from = sums; from < last; from += WIDTH * 4, to += outBytes) {
    if (add) {
      v128.store(to, madd(factor, v128.load(from), v128.load(to)))
      v128.store(to, madd(factor, v128.load(from, 16), v128.load(to, 16)), 16)
      if (WIDE) {
        v128.store(to, madd(factor, v128.load(from, 32), v128.load(to, 32)), 32)
        v128.store(to, madd(factor, v128.load(from, 48), v128.load(to, 48)), 48)
      }
    } else {
      v128.store(to, f32x4.mul(factor, v128.load(from)))
      v128.store(to, f32x4.mul(factor, v128.load(from, 16)), 16)
      if (WIDE) {
        v128.store(to, f32x4.mul(factor, v128.load(from, 32)), 32)
        v128.store(to, f32x4.mul(factor, v128.load(from, 48)), 48)
      }
    }
  }
}
