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
  const bytes = ((min<u32>(m, ROWS) + 3) & ~3) * DEPTH * 4
  const deep = (k + DEPTH - 1) / DEPTH
  const number = (first / ROWS) * deep + start / DEPTH
  const blocks = ((m + ROWS - 1) / ROWS) * deep
  const places = KEPT_BYTES / bytes
  const isKept = number + 1 < places || blocks <= places
  const place = to + min<u32>(number, places - 1) * bytes
  if (isKept && number < packed) return place
  packBlock(a, pitch, trans, first, count, start, depth, place)
  if (isKept) packed = number + 1
  return place
}
