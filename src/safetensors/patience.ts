/** A signal that aborts when the caller's does, or when nothing was heard for a while. */
export class Patience {
  readonly #controller = new AbortController()
  readonly #caller: AbortSignal | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(caller: AbortSignal | undefined) {
    this.#caller = caller
    if (caller?.aborted === true) this.#abort()
    caller?.addEventListener('abort', this.#abort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Starts the wait anew: something must be heard within so many milliseconds. */
  within(milliseconds: number): void {
    clearTimeout(this.#timer)
    const silence = () => this.#controller.abort(new Error(`no answer for ${milliseconds / 1000} s`))
    this.#timer = setTimeout(silence, milliseconds)
  }

  /** Waits no longer; to be called in the end. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#caller?.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => this.#controller.abort(this.#caller?.reason)
}

/** Resolves after a while. @throws the signal's reason when it aborts first. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
