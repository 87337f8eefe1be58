import { describe, expect, it } from 'vitest'
import { epochBatches } from '../../src/train/order.ts'

const lengths = Array.from({ length: 137 }, (_, i) => (i * 31) % 97)
const covers = (batches: number[][], count: number) =>
  expect(batches.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))

describe('epochBatches', () => {
  it.each([undefined, lengths])('holds every example once, in batches of one size but one, %#', (given) => {
    for (const [count, size] of [
      [137, 4],
      [8, 4],
      [3, 4],
      [1, 1],
    ] as const) {
      for (const epoch of [0, 1, 2]) {
        const batches = epochBatches(count, size, 42, epoch, given?.slice(0, count))
        covers(batches, count)
        const rest = count % size
        const sizes = batches.map(({ length }) => length).filter((length) => length !== size)
        expect(sizes).toEqual(rest === 0 ? [] : [rest])
      }
    }
  })

  it.each([undefined, lengths])('is the same for a seed and an epoch, and another for another, %#', (given) => {
    const first = epochBatches(137, 4, 42, 0, given)
    expect(epochBatches(137, 4, 42, 0, given)).toEqual(first)
    expect(epochBatches(137, 4, 42, 1, given)).not.toEqual(first)
    expect(epochBatches(137, 4, 43, 0, given)).not.toEqual(first)
  })

  it('lets examples of like length meet, in an order of batches that is not theirs', () => {
    const batches = epochBatches(137, 4, 42, 0, lengths)
    const spread = (all: number[][]) =>
      all.reduce((sum, batch) => {
        const its = batch.map((row) => lengths[row] ?? 0)
        return sum + Math.max(...its) - Math.min(...its)
      }, 0)
    expect(spread(batches)).toBeLessThan(0.1 * spread(epochBatches(137, 4, 42, 0)))
    const longest = batches.map((batch) => Math.max(...batch.map((row) => lengths[row] ?? 0)))
    expect(longest).not.toEqual(longest.toSorted((a, b) => b - a))
  })
})
