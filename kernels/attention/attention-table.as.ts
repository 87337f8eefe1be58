// What attention reads of its binding `table`: with ALiBi the heads' slopes, then for each sample the queries' ranges
// of keys, the keys' ranges of queries and, with ALiBi, the keys' positions; slopes and positions are f32 by their
// bits.

/** Bytes of the ranges of 8 queries or keys, as `copyRanges` leaves them. */
export const RANGES_BYTES: u32 = 64

/** Bytes before a sample's part of the table. */
export function recordOf(sample: u32, heads: u32, queries: u32, keys: u32, hasAlibi: u32): usize {
  return (hasAlibi * heads + sample * (2 * queries + (2 + hasAlibi) * keys)) << 2
}

/** Bytes of a record before the ranges of its keys. */
export function startOfQueries(queries: u32): usize {
  return queries << 3
}

/** Bytes of a record before the positions of its keys. */
export function startOfPositions(queries: u32, keys: u32): usize {
  return (queries + keys) << 3
}

/** The first a range has. */
export function firstOf(range: usize): i32 {
  return load<i32>(range)
}

/** What is behind the last of it; of a key hidden from all, the complement of that. */
export function endOf(range: usize): i32 {
  return load<i32>(range, 4)
}

/** The same of a key and all before it, hidden or not. */
export function lastOf(range: usize): i32 {
  const end = endOf(range)
  return max<i32>(end, ~end)
}

/** Copies up to 8 ranges; those that are missing have nothing. */
export function copyRanges(from: usize, count: u32, to: usize): void {
  memory.fill(to, 0, RANGES_BYTES)
  memory.copy(to, from, count << 3)
}

/** Hides, in a block of products from row `start` on, what is not in its column's range. */
export function hideOutside(block: usize, ranges: usize, start: i32, rows: i32): void {
  for (let c: u32 = 0; c < 8; c++) {
    const range = ranges + (c << 3)
    const column = block + (c << 2)
    const first = min<i32>(firstOf(range) - start, rows)
    for (let r = 0; r < first; r++) store<f32>(column + (r << 5), -Infinity)
    for (let r = max<i32>(endOf(range) - start, 0); r < rows; r++) store<f32>(column + (r << 5), -Infinity)
  }
}

/** to[j] = -infinity for those of `count` keys that are hidden from all; `ranges` are the keys'. */
export function hideHoles(ranges: usize, count: u32, to: usize): void {
  for (let j: u32 = 0; j < count; j++) {
    if (endOf(ranges + (j << 3)) < 0) store<f32>(to + (j << 2), -Infinity)
  }
}
