import { expect, it } from 'vitest'
import { race } from '../../../src/device/webgpu/programs/race.ts'

const least = () => 5e6

/** Racers that take so many nanoseconds a turn, measured in steps of 65,536 ns; keeps count of the turns. */
function track(speeds: readonly number[], wobble = (_racer: number, _measurement: number) => 1) {
  const turns = speeds.map(() => 0)
  let measurements = 0
  const measure = async (racer: number, count: number) => {
    turns[racer]! += count
    return Math.floor((speeds[racer]! * count * wobble(racer, measurements++)) / 65536) * 65536
  }
  return { turns, measure }
}

it('finds the fastest, of fast racers as of slow ones', async () => {
  for (const speed of [50, 3e3, 4e5, 9e8]) {
    const { measure } = track([2 * speed, 1.9 * speed, speed, 1.2 * speed])
    expect(await race(4, least, measure)).toBe(2)
  }
})

it('keeps the first unless another is faster by more than a twentieth', async () => {
  expect(await race(2, least, track([100e3, 96e3]).measure)).toBe(0)
  expect(await race(2, least, track([100e3, 93e3]).measure)).toBe(1)
  expect(await race(1, least, track([100e3]).measure)).toBe(0)
})

it('is not misled by one slow measurement in each round', async () => {
  const { measure } = track([100e3, 80e3], (racer, measurement) => (racer === 1 && measurement % 5 === 0 ? 3 : 1))
  expect(await race(2, least, measure)).toBe(1)
})

it('is not misled by a machine that slows down as it goes', async () => {
  const { measure } = track([100e3, 100e3, 100e3], (_, measurement) => 1 + measurement / 50)
  expect(await race(3, least, measure)).toBe(0)
})

it('gives racers turns that last long enough, and hopeless ones no more than a trial', async () => {
  const { turns, measure } = track([1e6, 1e8])
  expect(await race(2, least, measure)).toBe(0)
  expect(turns[1]).toBe(1)
  expect(turns[0]).toBeGreaterThanOrEqual(5)
})

it('leaves out those that cannot be measured', async () => {
  expect(await race(3, least, async (racer, turns) => (racer === 0 ? Infinity : racer * 1e6 * turns))).toBe(1)
})
