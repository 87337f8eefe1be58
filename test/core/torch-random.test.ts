import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { TorchRandom } from '../../src/core/torch-random.ts'
import { readFixture } from '../fixtures/open-fixture.ts'

interface Draw {
  readonly seed: number
  readonly bound: number
  readonly first: readonly number[]
  readonly counts: readonly number[]
  readonly sha256: readonly string[]
}

const draws = JSON.parse(new TextDecoder().decode(await readFixture('torch-random.json'))) as readonly Draw[]

it.each(draws)("draws torch's own numbers of seed $seed, bit for bit", ({ seed, bound, first, counts, sha256 }) => {
  const random = new TorchRandom(seed)
  const drawn = counts.map((count) => random.uniform(count, bound))
  expect([...(drawn[0]?.slice(0, 6) ?? [])]).toEqual(first)
  expect(drawn.map((values) => createHash('sha256').update(values).digest('hex'))).toEqual(sha256)
})

it('gives what the C++ standard says of mt19937: the 10,000th number of seed 5489 is 4123659995', () => {
  const random = new TorchRandom(5489)
  for (let i = 1; i < 10_000; i++) random.nextUint32()
  expect(random.nextUint32()).toBe(4123659995)
})
