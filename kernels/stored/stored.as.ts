import { dotBf16Rows, fitsBf16Dots } from './bf16-dots.as.ts'
import { dotBlockRows, fitsBlockDots } from './block-dots.as.ts'
import { decodeBlocks, fitsPanels, packBlocks, SPARE_BYTES } from './block-panels.as.ts'
import { prepareBlocks } from './blocks.as.ts'
import { decode, decodeRows, decodeTransposed, dotDecoded, fitsBlocks, PLANE_BYTES, prepare } from './four-bit.as.ts'
import { dotRows, fitsDots } from './four-bit-dots.as.ts'
import { packRows, PANEL_BYTES, panelAt } from '../shared/panel.as.ts'
import { DEPTH } from '../shared/tile.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'
import {
  decodeBytes,
  dotByteBlocks,
  dotBytes,
  fitsByteBlocks,
  isOneBlock,
  packBytes,
  prepareBytes,
} from './whole-bytes.as.ts'

// Decoding of a weight in any format. scaling 2 and above: GGUF's blocks, as in blocks.as.ts. Else by the bits of an
// element: 4 as in four-bit.as.ts, 8 and 16 as in whole-bytes.as.ts.

let codesAt: usize = 0
let bits: u32 = 4
let isBf16: u32 = 0
let inBlocks: bool = false

/** Bytes of scratch that `prepareStored` needs. */
export const STORED_BYTES: u32 = PLANE_BYTES > SPARE_BYTES ? PLANE_BYTES : SPARE_BYTES

/** Says what the functions below read; `spare` is scratch, STORED_BYTES of it. */
export function prepareStored(
  bitsEach: u32,
  hasBf16: u32,
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  spare: usize,
): void {
  codesAt = codes
  bits = bitsEach
  isBf16 = hasBf16
  inBlocks = scaling > 1
  if (inBlocks) prepareBlocks(bits, codes, absmax, nested, scaling, spare)
  else if (bits == 4) prepare(codes, absmax, nested, tables, blockSize, scaling, nestedCount, spare)
  else prepareBytes(codes, absmax, blockSize, spare)
}

/**
 * Writes `count` values of a row from value `start` on: WIDTH of them to `to`, as many `jump` bytes behind them, and so
 * on.
 */
export function decodeStored(start: u32, count: u32, to: usize, jump: u32): void {
  if (inBlocks) decodeBlocks(start, count, to, jump)
  else if (bits == 16) {
    if (isBf16) decodeBytes<u16>(start, count, to, jump)
    else decodeBytes<i16>(start, count, to, jump)
  } else if (bits == 8) decodeBytes<i8>(start, count, to, jump)
  else decode(start, count, to, jump)
}

/**
 * Packs up to four rows of `depth` values, at most DEPTH, the first from value `start` on and each `rowValues` behind
 * the last: element (row, i) goes to to[i · step + row]. `decoded` is scratch for four rows of DEPTH.
 */
function packStored(start: u32, rowValues: u32, rows: u32, depth: u32, to: usize, step: u32, decoded: usize): void {
  if (inBlocks && rows == 4 && fitsPanels(start | rowValues | depth)) {
    packBlocks(start, rowValues, depth, to, step, decoded)
  } else if (bits == 16) {
    if (isBf16) packBytes<u16>(start, rowValues, rows, depth, to, step)
    else packBytes<i16>(start, rowValues, rows, depth, to, step)
  } else if (bits == 8 && isOneBlock(rowValues)) packBytes<i8>(start, rowValues, rows, depth, to, step)
  else if (bits == 4 && !inBlocks && rows == 4 && fitsBlocks(rowValues))
    decodeTransposed(start, rowValues, depth, to, step)
  else {
    for (let j: u32 = 0; j < rows; j++) {
      decodeStored(start + j * rowValues, depth, decoded + j * DEPTH * 4, WIDTH * 4)
    }
    packRows(decoded, DEPTH * 4, rows, depth, to, step)
  }
}

/**
 * Decodes panels of the weight, [k,n], or [n,k] if `trans`, as `packPanels` packs them: columns from `first`, steps of
 * k from `start`. `decoded` is scratch for four rows of DEPTH.
 */
export function decodePanels(
  n: u32,
  k: u32,
  trans: u32,
  first: u32,
  columns: u32,
  start: u32,
  depth: u32,
  to: usize,
  decoded: usize,
): void {
  if (trans) {
    for (let c: u32 = 0; c < columns; c += 4) {
      packStored((first + c) * k + start, k, min<u32>(columns - c, 4), depth, panelAt(to, c), WIDTH * 4, decoded)
    }
    return
  }
  const at = start * n + first
  fetchLines(codesAt + bytesOf(at), bytesOf(n), depth, bytesOf(columns))
  if (bits == 4 && !inBlocks && fitsBlocks(n) && !((first | columns) & 15)) {
    decodeRows(at, n, depth, columns, to, PANEL_BYTES)
  } else {
    for (let i: u32 = 0; i < depth; i++) decodeStored(at + i * n, columns, to + i * WIDTH * 4, PANEL_BYTES)
  }
}

/** Bytes of `count` codes; their bits may be too many to count. */
function bytesOf(count: u32): u32 {
  return (count >> 3) * bits + (((count & 7) * bits) >> 3)
}

/**
 * Reads a byte of each line of `rows` pieces of memory. Many lines then come at a time; while a row is decoded there is
 * room for what one or two of them wait for.
 */
function fetchLines(from: usize, rowBytes: u32, rows: u32, bytes: u32): void {
  for (let r: u32 = 0; r < rows; r++, from += rowBytes) {
    for (let i: u32 = 0; i < bytes; i += 64) load<u8>(from + i)
  }
}

/** Whether `dotStored` takes rows of `count` values. */
export function hasDots(count: u32): bool {
  if (inBlocks) return fitsBlockDots(count)
  if (bits == 4) return fitsBlocks(count)
  return bits == 16 || isOneBlock(count) || fitsByteBlocks(count)
}

/**
 * sums[r] = Σ a[i] · value[start + r · count + i] for `rows` rows that `hasDots`. `spare`: DOTS_BYTES of scratch.
 */
export function dotStoredRows(a: usize, start: u32, count: u32, rows: u32, sums: usize, spare: usize): void {
  if (inBlocks) {
    dotBlockRows(a, start, count, rows, sums, spare)
    return
  }
  if (bits == 4 && fitsDots(count)) {
    dotRows(a, start, count, rows, sums, spare)
    return
  }
  if (bits == 16 && isBf16 && fitsBf16Dots(count)) {
    dotBf16Rows(a, codesAt + (start << 1), count, rows, sums, spare)
    return
  }
  for (let r: u32 = 0; r < rows; r++) store<f32>(sums + (r << 2), dotStored(a, start + r * count, count))
}

/** Σ a[i] · value[start + i] over a row. */
function dotStored(a: usize, start: u32, count: u32): f32 {
  if (bits == 16) return isBf16 ? dotBytes<u16>(a, start, count) : dotBytes<i16>(a, start, count)
  if (bits == 8) return isOneBlock(count) ? dotBytes<i8>(a, start, count) : dotByteBlocks(a, start, count)
  return dotDecoded(a, start, count)
}
