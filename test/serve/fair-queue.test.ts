import { describe, expect, it } from 'vitest'
import { FairQueue } from '../../src/serve/queue/fair-queue.ts'

describe('FairQueue', () => {
  it('serves clients in turn, and each in its own order', async () => {
    const queue = new FairQueue({ maxRunning: 1, maxWaiting: 10 })
    const leave = await queue.enter('x', new AbortController().signal)
    const order: string[] = []
    const ask = async (client: string, name: string) => {
      const done = await queue.enter(client, new AbortController().signal)
      order.push(name)
      await Promise.resolve()
      done()
    }
    const all = [ask('a', 'a1'), ask('a', 'a2'), ask('a', 'a3'), ask('b', 'b1'), ask('c', 'c1'), ask('b', 'b2')]
    expect([queue.running, queue.waiting]).toEqual([1, 6])
    leave()
    leave()
    await Promise.all(all)
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
    expect([queue.running, queue.waiting]).toEqual([0, 0])
  })

  it('forgets who has gone, and turns all away when it is closed', async () => {
    const queue = new FairQueue({ maxRunning: 1, maxWaiting: 2 })
    const leave = await queue.enter('a', new AbortController().signal)
    const gone = new AbortController()
    const first = queue.enter('a', gone.signal)
    const second = queue.enter('b', new AbortController().signal)
    await expect(queue.enter('c', new AbortController().signal)).rejects.toMatchObject({ status: 429 })
    gone.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect(queue.waiting).toBe(1)
    let hasEnded = false
    const closed = queue.close().then(() => (hasEnded = true))
    await expect(second).rejects.toMatchObject({ status: 503 })
    await expect(queue.enter('a', new AbortController().signal)).rejects.toMatchObject({ status: 503 })
    expect(hasEnded).toBe(false)
    leave()
    await closed
  })
})
