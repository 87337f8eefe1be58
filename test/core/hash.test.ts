import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { hashText } from '../../src/core/hash.ts'
import { version } from '../../src/core/version.ts'

it('gives near texts unlike hashes, the same ones each time', () => {
  const texts = Array.from({ length: 20_000 }, (_, i) => `m=${i % 100} n=${Math.floor(i / 100)}`)
  const hashes = texts.map(hashText)
  expect(hashes.every((hash) => /^[0-9a-f]{16}$/.test(hash))).toBe(true)
  for (const [begin, end] of [
    [0, 8],
    [8, 16],
  ]) {
    // 20,000 of 2^32: about 0.05 pairs would meet by chance.
    expect(new Set(hashes.map((hash) => hash.slice(begin, end))).size).toBeGreaterThan(texts.length - 3)
  }
  expect(hashText('m=1')).toBe(hashText('m=1'))
})

it('knows the version of package.json', () => {
  const { version: expected } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(version).toBe(expected)
})
