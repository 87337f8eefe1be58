import { packBlock, ROWS } from './panel.as.ts'
import { DEPTH } from './tile.as.ts'

// Packed blocks of a matrix, kept from one share of a job to the next: a thread packs each once, however the columns
// of a product are shared out.

/** Bytes of scratch for them: of 512 rows, 2048 columns. */
export const KEPT_BYTES: u32 = 0x400000

/** The matrix at hand, and its blocks that are packed: the first ones, in the order in which every share asks. */
let matrix: usize = 0
let packed: u32 = 0

/** Called on a thread before its first share of a job: what it has packed belongs to another. */
export function beginJob(): void {
  packed = 0
}

function blocksOf(m: u32, k: u32): u32 {
  return ((m + ROWS - 1) / ROWS) * ((k + DEPTH - 1) / DEPTH)
}

/** Bytes from one kept block of a matrix of `m` rows to the next. */
function blockBytes(m: u32): u32 {
  return ((min<u32>(m, ROWS) + 3) & ~3) * DEPTH * 4
}

/** Whether there is room for all blocks of a matrix: none is packed twice then, in whatever order they are wanted. */
export function keepsAll(m: u32, k: u32): bool {
  return blocksOf(m, k) <= KEPT_BYTES / blockBytes(m)
}

/**
 * Where a block of a lies packed: the rows from `first`, at most ROWS, of k the steps from `start`, at most DEPTH; see
 * `packBlock`. Blocks for which KEPT_BYTES at `to` have no room share the last place, and are packed for every share.
 * A job may go over several matrices, which begin at different addresses.
 */
export function keptBlock(a: usize, pitch: u32, trans: u32, m: u32, first: u32, k: u32, start: u32, to: usize): usize {
  if (a != matrix) {
    matrix = a
    packed = 0
  }
  const count = min<u32>(m - first, ROWS)
  const depth = min<u32>(k - start, DEPTH)
  const bytes = blockBytes(m)
  const number = blocksOf(first, k) + start / DEPTH
  const places = KEPT_BYTES / bytes
  const isKept = number + 1 < places || keepsAll(m, k)
  const place = to + min<u32>(number, places - 1) * bytes
  if (isKept && number < packed) return place
  packBlock(a, pitch, trans, first, count, start, depth, place)
  if (isKept) packed = number + 1
  return place
}
