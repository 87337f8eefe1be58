// out[m,n] = (accumulate ? out : 0) + alpha · a · op(b) + bias[n]: matmul with b as it is stored, [n,k] if transB, else
// [k,n], decoded while panels are packed. bits: 4 (four-bit.as.ts; bitsandbytes csrc/kernels.cu), 8 (LLM.int8, GGUF's
// Q8_0) or 16 (f16, or bf16 when isBf16; whole-bytes.as.ts). Of 16 bits a row is one block. One item is 8 columns of
// out. absmax, nested, tables and bias may be null where they are not used.
import { BLOCKS_BYTES, multiplyBlocks } from './multiply-blocks.as.ts'
import { FEW } from '../shared/panel.as.ts'
import { addDots, addFourRows } from '../shared/rows.as.ts'
import { scratch } from '../shared/scratch.as.ts'
import { decodeStored, dotStoredRows, hasDots, prepareStored, STORED_BYTES } from '../stored/stored.as.ts'
import { DEPTH } from '../shared/tile.as.ts'
import { finishSums, WIDTH } from '../shared/tile-ends.as.ts'

export function matmulStored(
  a: usize,
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  bias: usize,
  out: usize,
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transB: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const biasAt = hasBias ? bias : 0
  const panels = scratch(BLOCKS_BYTES + STORED_BYTES + 4 * DEPTH * 4)
  const spare = panels + BLOCKS_BYTES
  const decoded = spare + STORED_BYTES
  prepareStored(bits, isBf16, codes, absmax, nested, tables, blockSize, scaling, nestedCount, spare)
  if (m < 4 || (transB && m <= FEW)) {
    multiplyRows(
      a,
      biasAt,
      out,
      m,
      n,
      k,
      pitchA,
      pitchOut,
      transB,
      accumulate,
      alpha,
      begin << 3,
      min<u32>(end << 3, n),
      panels,
      decoded,
    )
    return
  }
  multiplyBlocks(
    a,
    0,
    biasAt,
    out,
    m,
    n,
    k,
    pitchA,
    pitchOut,
    0,
    transB,
    accumulate,
    alpha,
    begin << 3,
    end << 3,
    panels,
    decoded,
  )
}

/** A few rows: every decoded run is used as it is, without packing. `sums` holds DEPTH of them per row. */
function multiplyRows(
  a: usize,
  bias: usize,
  out: usize,
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transB: u32,
  accumulate: u32,
  alpha: f32,
  begin: u32,
  end: u32,
  sums: usize,
  decoded: usize,
): void {
  const wide = DEPTH
  for (let first = begin; first < end; first += wide) {
    const columns = min<u32>(end - first, wide)
    memory.fill(sums, 0, m * wide * 4)
    if (transB) {
      if (m == 1 && hasDots(k)) dotStoredRows(a, first * k, k, columns, sums, sums + wide * 4)
      else multiplyDecoded(a, m, k, pitchA, first, columns, sums, decoded)
    } else {
      for (let i: u32 = 0; i < k; i += 4) {
        const used = min<u32>(k - i, 4)
        for (let j: u32 = 0; j < used; j++)
          decodeStored((i + j) * n + first, columns, decoded + j * DEPTH * 4, WIDTH * 4)
        for (let row: u32 = 0; row < m; row++) {
          addFourRows(a + ((row * pitchA + i) << 2), decoded, DEPTH * 4, used, columns, sums + row * wide * 4)
        }
      }
    }
    for (let row: u32 = 0; row < m; row++) {
      const to = out + ((row * pitchOut + first) << 2)
      finishSums(sums + row * wide * 4, columns, to, bias ? bias + (first << 2) : 0, alpha, accumulate != 0)
    }
  }
}

/** sums += a · bᵀ for the columns from `first`, two of them decoded at a time. */
function multiplyDecoded(
  a: usize,
  m: u32,
  k: u32,
  pitchA: u32,
  first: u32,
  columns: u32,
  sums: usize,
  decoded: usize,
): void {
  const most = 2 * DEPTH
  const bytes = most << 2
  for (let c: u32 = 0; c < columns; c += 2) {
    const used = min<u32>(columns - c, 2)
    for (let start: u32 = 0; start < k; start += most) {
      const depth = min<u32>(k - start, most)
      for (let j: u32 = 0; j < used; j++)
        decodeStored((first + c + j) * k + start, depth, decoded + j * bytes, WIDTH * 4)
      for (let r: u32 = 0; r < m; r += 4) {
        const from = a + ((r * pitchA + start) << 2)
        const to = sums + ((r * DEPTH + c) << 2)
        addDots(from, pitchA << 2, min<u32>(m - r, 4), decoded, bytes, used, depth, to, DEPTH * 4)
      }
    }
  }
}
