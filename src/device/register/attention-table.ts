/** Who sees whom in attention, and what ALiBi says of the keys: what the kernels' `table` is made of. */
export interface AttentionTableParts {
  readonly samples: number
  readonly queries: number
  readonly keys: number
  /**
   * [samples, queries, 2]: the first key that a query sees and the key behind its last. Neither ever falls from a query
   * to the next, so that the queries that see a key are a range as well.
   */
  readonly ranges: Int32Array
  /** [samples, keys]: 0 hides a key from all queries, also where it lies within their ranges; absent: none is. */
  readonly mask?: Uint8Array | undefined
  /** Slopes [heads] of ALiBi, and the keys' positions [samples, keys]; absent without ALiBi. */
  readonly alibi?: { readonly slopes: Float32Array; readonly positions: Float32Array } | undefined
}

/**
 * What the attention kernels read: i32 words, with ALiBi the slopes, then for each sample the queries' ranges of keys,
 * the keys' ranges of queries (the second number is its complement where a key is hidden from all) and, with ALiBi, the
 * keys' positions. Slopes and positions are f32 by their bits.
 */
export function attentionTable({
  samples,
  queries,
  keys,
  ranges,
  mask,
  alibi,
}: AttentionTableParts): Int32Array<ArrayBuffer> {
  const width = 2 * queries + (alibi ? 3 : 2) * keys
  const begin = alibi ? alibi.slopes.length : 0
  const table = new Int32Array(begin + samples * width)
  if (alibi) table.set(bitsOf(alibi.slopes))
  for (let sample = 0; sample < samples; sample++) {
    const at = begin + sample * width
    const own = ranges.subarray(2 * sample * queries, 2 * (sample + 1) * queries)
    table.set(own, at)
    const ofKeys = table.subarray(at + 2 * queries, at + 2 * (queries + keys))
    turn(own, ofKeys)
    if (mask) hide(ofKeys, mask.subarray(sample * keys, (sample + 1) * keys))
    if (alibi) {
      const positions = alibi.positions.subarray(sample * keys, (sample + 1) * keys)
      table.set(bitsOf(positions), at + 2 * (queries + keys))
    }
  }
  return table
}

/** Ranges of causal attention: the last query sees all keys, each one before it a key less. */
export function causalRanges(samples: number, queries: number, keys: number): Int32Array {
  return Int32Array.from({ length: 2 * samples * queries }, (_, i) =>
    i % 2 === 0 ? 0 : ((i >> 1) % queries) + 1 + keys - queries,
  )
}

/**
 * The queries that see each key, by the keys that each query sees: those from the first that ends behind it to the
 * first that begins behind it.
 */
function turn(ranges: Int32Array, ofKeys: Int32Array): void {
  const queries = ranges.length / 2
  let [first, end] = [0, 0]
  for (let key = 0; key < ofKeys.length / 2; key++) {
    while (first < queries && (ranges[2 * first + 1] ?? 0) <= key) first++
    while (end < queries && (ranges[2 * end] ?? 0) <= key) end++
    ofKeys[2 * key] = first
    ofKeys[2 * key + 1] = end
  }
}

function hide(ofKeys: Int32Array, mask: Uint8Array): void {
  for (const [key, flag] of mask.entries()) if (flag === 0) ofKeys[2 * key + 1] = ~(ofKeys[2 * key + 1] ?? 0)
}

function bitsOf(numbers: Float32Array): Int32Array {
  return new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length)
}
