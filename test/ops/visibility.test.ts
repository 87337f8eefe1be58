import { describe, expect, it } from 'vitest'
import { attentionTable } from '../../src/device/register/attention-table.ts'
import { kernels } from '../../src/device/register/kernels.ts'
import { Visibility } from '../../src/ops/visibility.ts'

/** Whether each query sees each key, a row of bits a query, as the kernels read it: by queries, and by keys. */
function seen({ samples, queries, keys, ranges, holes }: Visibility): readonly (readonly string[])[] {
  const table = attentionTable({ samples, queries, keys, ranges, mask: holes ?? undefined })
  const width = 2 * (queries + keys)
  return Array.from({ length: samples }, (_, sample) => {
    const [ofQueries, ofKeys] = [sample * width, sample * width + 2 * queries]
    const within = (range: number, at: number) => (table[range] ?? NaN) <= at && at < (table[range + 1] ?? NaN)
    return Array.from({ length: queries }, (_, query) =>
      Array.from({ length: keys }, (_, key) => {
        const byKey = within(ofKeys + 2 * key, query)
        // A hole is in a query's range, and the key knows of it.
        const isHole = (table[ofKeys + 2 * key + 1] ?? NaN) < 0
        expect(within(ofQueries + 2 * query, key) && !isHole).toBe(byKey)
        return +byKey
      }).join(''),
    )
  })
}

describe('Visibility', () => {
  it('is causal, with what stands before', () => {
    expect(seen(Visibility.causal(1, 3))).toEqual([['100', '110', '111']])
    expect(seen(Visibility.causal(1, 2, 4))).toEqual([['1110', '1111']])
  })

  it('hides padding on either side, and holes', () => {
    const masked = Visibility.causal(2, 4).masked(Uint8Array.of(0, 0, 1, 1, 1, 1, 1, 0))
    expect(masked.holes).toBe(null)
    expect(seen(masked)).toEqual([
      ['0000', '0000', '0010', '0011'],
      ['1000', '1100', '1110', '1110'],
    ])
    const holes = Visibility.causal(2, 4).masked(Uint8Array.of(1, 0, 1, 1, 0, 1, 0, 1))
    expect(seen(holes)).toEqual([
      ['1000', '1000', '1010', '1011'],
      ['0000', '0100', '0100', '0101'],
    ])
    expect(seen(holes.masked(Uint8Array.of(1, 1, 0, 1, 1, 1, 1, 1)))[0]).toEqual(['1000', '1000', '1000', '1001'])
    expect(seen(Visibility.causal(1, 2).masked(new Uint8Array(2)))).toEqual([['00', '00']])
  })

  it('looks back no further than a window, or the document', () => {
    expect(seen(Visibility.causal(1, 4).within(2))).toEqual([['1000', '1100', '0110', '0011']])
    expect(seen(Visibility.causal(1, 2, 4).within(2))).toEqual([['0110', '0011']])
    const packed = Visibility.causal(2, 4).packed(Int32Array.of(0, 1, 0, 1, 5, 6, 7, 0))
    expect(seen(packed)).toEqual([
      ['1000', '1100', '0010', '0011'],
      ['1000', '1100', '1110', '0001'],
    ])
    expect(seen(packed.within(1))[1]).toEqual(['1000', '0100', '0010', '0001'])
  })

  it('says what it cannot be', () => {
    expect(() => Visibility.causal(1, 3, 2)).toThrow('Visibility.causal: 3 queries need as many keys, got 2')
    expect(() => Visibility.causal(1, 2).masked(new Uint8Array(3))).toThrow('masked: 3 bytes for 1 × 2 keys')
    expect(() => Visibility.causal(1, 2).masked([1, 1] as never)).toThrow(
      'masked: mask must be a Uint8Array, got [1, 1]',
    )
    expect(() => Visibility.causal(1, 2).within(0)).toThrow('within: window must be a whole number from 1, got 0')
    expect(() => Visibility.causal(1, 2).packed(Int32Array.of(0))).toThrow('packed: 1 positions for 1 × 2 tokens')
    expect(() => Visibility.causal(1, 2, 4).packed(Int32Array.of(0, 1))).toThrow(
      'packed: 2 keys stand before the documents',
    )
  })
})

it('programs of attention are timed on causal tables, for with zeros they would see nothing', () => {
  const sizes = { batch: 2, heads: 3, kvHeads: 3, queries: 2, keys: 3, capacity: 3, dim: 4, isFused: 0, hasHoles: 0 }
  const params = { ...sizes, hasAlibi: 0, first: 0, scale: 1, alibiScale: 1 }
  const own = [0, 2, 0, 3, 0, 2, 0, 2, 1, 2]
  expect([...(kernels.attention.trial?.(params).table ?? [])]).toEqual([...own, ...own])
  expect(kernels.attentionBackwardKey.trial?.({ ...params, hasAlibi: 1 }).table).toHaveLength(3 + 2 * (own.length + 3))
})
