import { ApiError } from '../api-error.ts'

interface Waiter {
  readonly admit: () => void
  readonly refuse: (reason: Error) => void
}

/**
 * Lets a few requests in at a time. Others wait, a lane for each client; lanes are served in turn, so that who asks for
 * much waits for himself. What exceeds the room is turned away at once.
 */
export class FairQueue {
  readonly #lanes = new Map<string, Waiter[]>()
  readonly #maxRunning: number
  readonly #maxWaiting: number
  #running = 0
  #isClosed = false
  #onIdle: (() => void)[] = []

  constructor({ maxRunning, maxWaiting }: { readonly maxRunning: number; readonly maxWaiting: number }) {
    this.#maxRunning = maxRunning
    this.#maxWaiting = maxWaiting
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return [...this.#lanes.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /**
   * Waits until it is a client's turn. @returns What is called when its request has ended, once.
   * @throws ApiError 429 where the queue is full, 503 when it was closed; what `signal` is aborted with.
   */
  async enter(client: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#isClosed) throw closedError()
    if (this.#running < this.#maxRunning) this.#running++
    else await this.#wait(client, signal)
    let hasLeft = false
    return () => {
      if (!hasLeft) this.#leave()
      hasLeft = true
    }
  }

  /** Turns away who waits and who comes. @returns When those that were let in have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    const waiters = [...this.#lanes.values()].flat()
    this.#lanes.clear()
    for (const { refuse } of waiters) refuse(closedError())
    if (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  async #wait(client: string, signal: AbortSignal): Promise<void> {
    const { waiting } = this
    if (waiting >= this.#maxWaiting) {
      throw new ApiError(429, `${this.#running} requests are being answered and ${waiting} wait; try again later`, {
        code: 'queue_full',
        headers: { 'retry-after': '2' },
      })
    }
    await new Promise<void>((admit, refuse) => {
      const lane = this.#lanes.get(client) ?? []
      const abort = () => {
        this.#forget(client, waiter)
        refuse(reasonOf(signal))
      }
      const settle = () => signal.removeEventListener('abort', abort)
      const waiter: Waiter = {
        admit: () => {
          settle()
          admit()
        },
        refuse: (reason) => {
          settle()
          refuse(reason)
        },
      }
      lane.push(waiter)
      this.#lanes.set(client, lane)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  #leave(): void {
    const [next] = this.#lanes
    if (next === undefined) {
      this.#running--
      if (this.#running === 0) for (const tell of this.#onIdle.splice(0)) tell()
      return
    }
    const [client, lane] = next
    const waiter = lane.shift()
    // Behind all others, if any of its requests are left.
    this.#lanes.delete(client)
    if (lane.length > 0) this.#lanes.set(client, lane)
    waiter?.admit()
  }

  #forget(client: string, waiter: Waiter): void {
    const lane = this.#lanes.get(client)?.filter((each) => each !== waiter) ?? []
    if (lane.length > 0) this.#lanes.set(client, lane)
    else this.#lanes.delete(client)
  }
}

function closedError(): ApiError {
  return new ApiError(503, 'the server is shutting down', { code: 'shutting_down', headers: { 'retry-after': '10' } })
}

/** Why a signal was aborted. */
function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new DOMException('the client has gone', 'AbortError')
}
