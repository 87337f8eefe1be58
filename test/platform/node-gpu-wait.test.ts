import { describe, expect, it, vi } from 'vitest'
import { waitForGpu } from '../../src/platform/node-gpu-wait.ts'

const after = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

/** How often the event loop turns until work ends. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await work
  isOver = true
  return turns
}

describe('waitForGpu', () => {
  it('gives what the work gives', async () => {
    expect(await waitForGpu(Promise.resolve(7))).toBe(7)
    await expect(waitForGpu(Promise.reject(new Error('lost')))).rejects.toThrow('lost')
  })

  it('lets the loop turn seldom while it lasts, also for several waits', async () => {
    const waits = () => Promise.all([waitForGpu(after(60)), waitForGpu(after(200))])
    const turns = await turnsDuring(waits())
    // A rest is a sixteenth of the wait so far, at most a millisecond; before the first that counts, under one passes.
    expect(turns).toBeGreaterThan(20)
    expect(turns).toBeLessThan((await turnsDuring(after(200))) / 4)
  })

  it('does not rest where the program has work of its own', async () => {
    const rests = vi.spyOn(Atomics, 'wait')
    const start = performance.now()
    const wait = waitForGpu(after(150))
    while (performance.now() - start < 150) {
      const begun = performance.now()
      while (performance.now() - begun < 3);
      await new Promise((resolve) => setImmediate(resolve))
    }
    await wait
    expect(rests.mock.calls.length).toBeLessThan(5)
    rests.mockRestore()
  })

  it('rests no more when the last wait is over', async () => {
    await waitForGpu(after(30))
    const start = performance.now()
    let turns = 0
    while (performance.now() - start < 30) {
      await new Promise((resolve) => setImmediate(resolve))
      turns++
    }
    expect(turns).toBeGreaterThan(100)
  })
})
