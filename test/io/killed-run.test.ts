import { expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { killedRun } from './killed-run.ts'

it('a run whose process is killed at random moments ends in the bits of one that was left alone', async () => {
  const wanted = await killedRun(0, 300, new Random(1))
  const { tensors, kills, began, names } = await killedRun(3, 300, new Random(1))
  expect(began).toEqual(began.toSorted((a, b) => a - b))
  expect([kills, began.length, names]).toEqual([3, 4, wanted.names])
  expect(tensors.equals(wanted.tensors)).toBe(true)
})
