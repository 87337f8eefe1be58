import { timeoutError } from './api-error.ts'
import type { Usage } from './answer/answers.ts'

/** What a request came to. */
export interface Ended {
  readonly status: number
  readonly seconds: number
  /** The model that was asked, `null` where none was. */
  readonly model: string | null
  readonly usage: Usage
}

/** A request from its coming to its end, which comes once: when its time is over, at the latest. */
export class RequestWatch {
  /** Is counted up while it is answered. */
  readonly usage: Usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }
  model: string | null = null
  /** Ends the work for it: the client has gone, or the time is over. */
  readonly signal: AbortSignal
  readonly #started = performance.now()
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #onEnd: (ended: Ended) => void
  #hasEnded = false

  constructor(client: AbortSignal, maxSeconds: number, onEnd: (ended: Ended) => void) {
    const clock = new AbortController()
    this.#timer = setTimeout(() => clock.abort(timeoutError(maxSeconds)), 1000 * maxSeconds)
    this.signal = AbortSignal.any([client, clock.signal])
    this.#onEnd = onEnd
  }

  end(status: number): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearTimeout(this.#timer)
    const seconds = (performance.now() - this.#started) / 1000
    this.#onEnd({ status, seconds, model: this.model, usage: this.usage })
  }
}
