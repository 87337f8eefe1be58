import { afterAll, expect, it } from 'vitest'
import { fuzz } from './fuzz.ts'
import { adapterConfig, archive, config, tokenizer } from './targets.ts'

const seed = 20_252
const packed = archive()
afterAll(() => {
  packed.remove()
})

it.each([
  { target: config, count: 120_000 },
  { target: adapterConfig, count: 100_000 },
  { target: packed, count: 10_000 },
  { target: tokenizer, count: 20_000 },
])('$target.name: $count inputs are read or refused, and nothing else', async ({ target, count }) => {
  const { failures, read, refused } = await fuzz(target, seed, count)
  expect(failures).toEqual([])
  expect(read).toBeGreaterThan(count / 100)
  expect(refused).toBeGreaterThan(count / 100)
})
