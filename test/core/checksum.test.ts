import { expect, it } from 'vitest'
import { checksumOf, hex32, xxh32 } from '../../src/core/checksum.ts'
import { readFixture } from '../fixtures/open-fixture.ts'

const rows = JSON.parse(new TextDecoder().decode(await readFixture('checksums.json'))) as [number, number, string][]
const longest = Math.max(...rows.map(([, length]) => length))
const data = Uint8Array.from({ length: longest }, (_, i) => (i * i * 7 + i) % 256)

it('is xxhash’s XXH32, wherever the bytes lie', () => {
  expect(rows).toHaveLength(90)
  for (const [seed, length, expected] of rows) {
    expect(hex32(xxh32(data.subarray(0, length), seed))).toBe(expected)
    const apart = new Uint8Array(length + 3)
    apart.set(data.subarray(0, length), 3)
    expect(hex32(xxh32(apart.subarray(3), seed))).toBe(expected)
  }
})

it('takes texts in UTF-8, and numbers as their bytes', () => {
  expect(checksumOf('Nobody inspects the spammish repetition')).toBe('e2293b2f')
  expect(checksumOf('é')).toBe(checksumOf(Uint8Array.of(0xc3, 0xa9)))
  expect(checksumOf(Float32Array.of(1))).toBe(checksumOf(Uint8Array.of(0, 0, 0x80, 0x3f)))
})

it('finds every single flipped bit', () => {
  const bytes = data.slice(0, 100)
  const before = checksumOf(bytes)
  const seen = new Set([before])
  for (let bit = 0; bit < 800; bit++) {
    const flipped = bytes.slice()
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    seen.add(checksumOf(flipped))
  }
  expect(seen.size).toBe(801)
})
