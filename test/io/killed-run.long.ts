import { expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { killedRun } from './killed-run.ts'

it('a run whose process is killed at random moments ends in the bits of one that was left alone', async () => {
  const wanted = await killedRun(0, 1500, new Random(1))
  const { tensors, kills, began, names } = await killedRun(14, 1500, new Random(1))
  expect(began).toEqual(began.toSorted((a, b) => a - b))
  expect([kills, began.length, names]).toEqual([14, 15, wanted.names])
  expect(tensors.equals(wanted.tensors)).toBe(true)
})
