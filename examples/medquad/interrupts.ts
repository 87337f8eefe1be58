/**
 * SIGINT (Ctrl-C) and SIGTERM end the program at once, unless they are put off to save something first; a second one
 * always does.
 */
export class Interrupts {
  /** The first signal that was put off. */
  asked: 'SIGINT' | 'SIGTERM' | null = null
  /** Said by a program that is ended at once. */
  note: string | null = null
  readonly #stopping = new AbortController()
  #isPutOff = false

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        const isFirst = this.asked === null
        this.asked ??= name
        if (!this.#isPutOff || !isFirst) this.leave()
        this.#stopping.abort()
      })
    }
  }

  /** Aborted by a signal that was put off. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  /** Whether an error is what ended by `signal`; others are thrown on. */
  isReason(error: unknown): boolean {
    return this.signal.aborted && error === this.signal.reason
  }

  /** From here on `signal` is heeded, and `leave` called, by who has something to save. */
  putOff(): void {
    this.#isPutOff = true
  }

  /** From here on nothing is lost, and signals end the program at once; one that was put off, now. */
  letThrough(note: string): void {
    this.note = note
    this.#isPutOff = false
    if (this.asked !== null) this.leave()
  }

  /** Ends the program as its signal would: 130 for SIGINT, 143 for SIGTERM. */
  leave(): never {
    if (this.note !== null) console.log(`\nstopped: ${this.note}`)
    process.exit(this.asked === 'SIGTERM' ? 143 : 130)
  }
}
