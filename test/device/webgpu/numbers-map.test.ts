import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { type Entry, NumbersMap } from '../../../src/device/webgpu/numbers-map.ts'

/** Puts a key at hand. */
function seek<V>(map: NumbersMap<V>, [first = 0, ...others]: readonly number[]): NumbersMap<V> {
  map.start(first)
  for (const value of others) map.push(value)
  return map
}

const keys = fc.array(fc.oneof(fc.nat(3), fc.nat(2 ** 31 - 1)), { minLength: 1, maxLength: 6 })

describe('NumbersMap', () => {
  it('finds what a map by text finds, whatever is added and removed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('add', 'remove', 'find'), keys), { maxLength: 60 }), (calls) => {
        const map = new NumbersMap<number>()
        const entries = new Map<string, Entry<number>>()
        for (const [i, [call, key]] of calls.entries()) {
          const text = key.join()
          const found = seek(map, key).find()
          expect(found).toBe(entries.get(text)?.value)
          if (call === 'add' && found === undefined) entries.set(text, map.add(i))
          const entry = entries.get(text)
          if (call === 'remove' && entry !== undefined) {
            map.remove(entry)
            entries.delete(text)
          }
          expect(map.size).toBe(entries.size)
        }
      }),
    )
  })

  it('tells keys apart whose hashes are the same', () => {
    const byHash = new Map<number, readonly number[]>()
    const map = new NumbersMap<string>()
    let pair: (readonly number[])[] = []
    for (let i = 0; i < 400_000 && pair.length === 0; i++) {
      const key = [i >>> 9, i & 511, 7]
      const { hash } = seek(new NumbersMap<null>(), key).add(null)
      const other = byHash.get(hash)
      if (other !== undefined) pair = [other, key]
      byHash.set(hash, key)
    }
    expect(pair).toHaveLength(2)
    const [a = [], b = []] = pair
    const entry = seek(map, a).add('a')
    expect(seek(map, b).find()).toBeUndefined()
    seek(map, b).add('b')
    expect([seek(map, a).find(), seek(map, b).find()]).toEqual(['a', 'b'])
    map.remove(entry)
    expect([seek(map, a).find(), seek(map, b).find(), map.size]).toEqual([undefined, 'b', 1])
    map.clear()
    expect([seek(map, b).find(), map.size]).toEqual([undefined, 0])
  })
})
