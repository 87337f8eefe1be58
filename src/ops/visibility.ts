import { check } from '../core/errors.ts'
import { readArgument, whole } from '../core/options.ts'
import { show } from '../core/show.ts'
import { causalRanges } from '../device/register/attention-table.ts'

/**
 * Which keys each query of a batch sees, on the host: a range of them a query, without the keys that a mask hides. It
 * starts causal; each method gives a narrower one, so that they combine:
 * `Visibility.causal(b, t).masked(mask).within(4096)`.
 */
export class Visibility {
  private constructor(
    /** Rows of the batch. */
    readonly samples: number,
    readonly queries: number,
    readonly keys: number,
    /**
     * Of [samples, queries, 2], the first key that a query sees and the key behind its last; they never fall from query
     * to query.
     */
    readonly ranges: Int32Array,
    /** Of [samples, keys], 0 where a key is hidden from all that have it in their range; null where none is. */
    readonly holes: Uint8Array | null,
  ) {}

  /**
   * Each query sees the keys up to its own, and the last query's own is the last key: the others stand before.
   * @throws MedAwareError `config`.
   */
  static causal(samples: number, queries: number, keys = queries): Visibility {
    for (const [name, value] of Object.entries({ samples, queries, keys })) {
      readArgument('Visibility.causal', name, value, whole({ from: 0 }))
    }
    check(keys >= queries, 'config', () => `Visibility.causal: ${queries} queries need as many keys, got ${keys}`)
    return new Visibility(samples, queries, keys, causalRanges(samples, queries, keys), null)
  }

  /**
   * No query sees a key whose byte is 0, such as padding.
   * @param mask [samples, keys], as transformers' attention_mask.
   * @throws MedAwareError `config`, `shape`.
   */
  masked(mask: Uint8Array): Visibility {
    const { samples, queries, keys } = this
    check(mask instanceof Uint8Array, 'config', () => `masked: mask must be a Uint8Array, got ${show(mask)}`)
    check(mask.length === samples * keys, 'shape', () => `masked: ${mask.length} bytes for ${samples} × ${keys} keys`)
    if (!mask.includes(0)) return this
    let hasHoles = false
    const spans = Array.from({ length: samples }, (_, sample) => {
      const own = mask.subarray(sample * keys, (sample + 1) * keys)
      const seen = own.findIndex((flag) => flag !== 0)
      const [first, end] = seen < 0 ? [keys, keys] : [seen, own.findLastIndex((flag) => flag !== 0) + 1]
      hasHoles ||= own.subarray(first, end).includes(0)
      return { first, end }
    })
    const holes = hasHoles ? mask.map((flag, i) => +(flag !== 0 && this.holes?.[i] !== 0)) : this.holes
    const ranges = this.ranges.map((place, i) => {
      const { first, end } = spans[Math.floor(i / 2 / queries)] ?? { first: 0, end: keys }
      return i % 2 === 0 ? Math.max(place, first) : Math.min(place, end)
    })
    return new Visibility(samples, queries, keys, ranges, holes)
  }

  /**
   * A query sees the last `window` keys up to its own at most: sliding_window of transformers. @throws MedAwareError
   * `config`.
   */
  within(window: number): Visibility {
    readArgument('within', 'window', window, whole({ from: 1 }))
    const { queries, keys } = this
    return this.#from((query) => query + keys - queries + 1 - window)
  }

  /**
   * Several documents in a row: a query sees only its own. A document begins where a position does not follow the one
   * before, as transformers tells them apart (find_packed_sequence_indices).
   * @param positionIds [samples, queries], as DataCollatorWithFlattening's position_ids.
   * @throws MedAwareError `config`, `shape`; `unsupported` where there are keys before the queries.
   */
  packed(positionIds: Int32Array): Visibility {
    const { samples, queries, keys } = this
    check(positionIds instanceof Int32Array, 'config', () => {
      return `packed: positionIds must be an Int32Array, got ${show(positionIds)}`
    })
    check(positionIds.length === samples * queries, 'shape', () => {
      return `packed: ${positionIds.length} positions for ${samples} × ${queries} tokens`
    })
    check(keys === queries, 'unsupported', () => `packed: ${keys - queries} keys stand before the documents`)
    let begin = 0
    return this.#from((query, sample) => {
      const at = sample * queries + query
      if (query === 0 || positionIds[at] !== (positionIds[at - 1] ?? 0) + 1) begin = query
      return begin
    })
  }

  /** Moves firsts up to what `first` says of a query. */
  #from(first: (query: number, sample: number) => number): Visibility {
    const { samples, queries, keys, holes } = this
    const ranges = this.ranges.slice()
    for (let i = 0; i < samples * queries; i++) {
      ranges[2 * i] = Math.max(ranges[2 * i] ?? 0, first(i % queries, Math.floor(i / queries)))
    }
    return new Visibility(samples, queries, keys, ranges, holes)
  }
}
