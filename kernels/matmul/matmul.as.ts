// out[m,n] = (accumulate ? out : 0) + alpha · op(a) · op(b) + bias[n], row-major f32. a is [m,k], or [k,m] if transA; b
// is [k,n], or [n,k] if transB; bias may be null. Rows of a and out lie pitchA and pitchOut elements apart. One item is
// 8 columns of out, or 64 rows of a thin one. Panels of b are packed in scratch and multiplied by an outer-product tile
// (Goto & van de Geijn 2008); a few rows go straight over b. Sums run over blocks of DEPTH steps of k, so they do not
// depend on how columns or rows are shared out.
import { BLOCKS_BYTES, multiplyBlocks } from './multiply-blocks.as.ts'
import { FEW } from '../shared/panel.as.ts'
import { addDots, addFourRows } from '../shared/rows.as.ts'
import { scratch } from '../shared/scratch.as.ts'
import { finishSums } from '../shared/tile-ends.as.ts'

/** Columns whose sums stand in scratch while few rows are multiplied. */
const WIDE: u32 = 512
/** A product of no more columns and no fewer rows is thin: its rows are shared out. The register says the same. */
const THIN: u32 = 32
const TALL: u32 = 64

export function matmul(
  a: usize,
  b: usize,
  bias: usize,
  out: usize,
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transA: u32,
  transB: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const biasAt = hasBias ? bias : 0
  if (n > THIN || m < TALL) {
    multiplyColumns(
      a,
      b,
      biasAt,
      out,
      m,
      n,
      k,
      pitchA,
      pitchOut,
      transA,
      transB,
      accumulate,
      alpha,
      begin << 3,
      end << 3,
    )
    return
  }
  const first = begin * TALL
  const rows = min<u32>(end * TALL, m) - first
  const from = a + ((transA ? first : first * pitchA) << 2)
  multiplyBlocks(
    from,
    b,
    biasAt,
    out + ((first * pitchOut) << 2),
    rows,
    n,
    k,
    pitchA,
    pitchOut,
    transA,
    transB,
    accumulate,
    alpha,
    0,
    n,
    scratch(BLOCKS_BYTES),
    0,
  )
}

/** The columns of a product from `begin` to `end`. */
export function multiplyColumns(
  a: usize,
  b: usize,
  bias: usize,
  out: usize,
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transA: u32,
  transB: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end, n)
  // A single column of a is a row as well, if nothing lies between its elements.
  const isRows = !transA || (m == 1 && pitchA == 1)
  if (transB && m <= FEW && isRows) {
    multiplyFew(a, b, bias, out, m, k, pitchA, pitchOut, accumulate, alpha, begin, last)
    return
  }
  if (m < 4 && isRows) {
    for (let row: u32 = 0; row < m; row++) {
      const to = out + ((row * pitchOut) << 2)
      multiplyRow(a + ((row * pitchA) << 2), b, bias, to, n, k, accumulate, alpha, begin, last)
    }
    return
  }
  multiplyBlocks(
    a,
    b,
    bias,
    out,
    m,
    n,
    k,
    pitchA,
    pitchOut,
    transA,
    transB,
    accumulate,
    alpha,
    begin,
    end,
    scratch(BLOCKS_BYTES),
    0,
  )
}

/** Up to FEW rows over b[n,k]: products of rows, without packing. */
function multiplyFew(
  a: usize,
  b: usize,
  bias: usize,
  out: usize,
  m: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const sums = scratch(FEW * WIDE * 4)
  const bytes = k << 2
  const rowBytes = pitchA << 2
  for (let first = begin; first < end; first += WIDE) {
    const columns = min<u32>(end - first, WIDE)
    memory.fill(sums, 0, m * WIDE * 4)
    for (let c: u32 = 0; c < columns; c += 2) {
      const used = min<u32>(columns - c, 2)
      const from = b + (first + c) * bytes
      const to = sums + (c << 2)
      for (let r: u32 = 0; r < m; r += 4) {
        addDots(a + r * rowBytes, rowBytes, min<u32>(m - r, 4), from, bytes, used, k, to + r * WIDE * 4, WIDE * 4)
      }
    }
    for (let row: u32 = 0; row < m; row++) {
      const to = out + ((row * pitchOut + first) << 2)
      finishSums(sums + row * WIDE * 4, columns, to, bias ? bias + (first << 2) : 0, alpha, accumulate != 0)
    }
  }
}

/** One row over b[k,n]: rows of b are added up. */
function multiplyRow(
  a: usize,
  b: usize,
  bias: usize,
  out: usize,
  n: u32,
  k: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const sums = scratch(WIDE * 4)
  for (let first = begin; first < end; first += WIDE) {
    const columns = min<u32>(end - first, WIDE)
    memory.fill(sums, 0, columns << 2)
    for (let i: u32 = 0; i < k; i += 4) {
      addFourRows(a + (i << 2), b + ((i * n + first) << 2), n << 2, min<u32>(k - i, 4), columns, sums)
    }
    finishSums(sums, columns, out + (first << 2), bias ? bias + (first << 2) : 0, alpha, accumulate != 0)
  }
}
