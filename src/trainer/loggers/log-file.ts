import { messageOf } from '../../core/errors.ts'
import type { RunStore } from '../../io/runs/run-store.ts'
import type { LogFormat, LogRecord } from './log-format.ts'

/** A log in a run's store, which is brought to what the run has reported so far. */
export class LogFile {
  #isWhole = false
  #hasWarned = false

  constructor(
    readonly store: RunStore,
    readonly format: LogFormat,
    readonly fileName: string,
    readonly onWarning: (message: string) => void,
  ) {}

  /** Whether it holds all that it was brought to; false where what is in it is not known. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Adds records, or writes all there are where it is not whole. What cannot be written is told once. */
  async bring(added: readonly LogRecord[], all: () => readonly LogRecord[]): Promise<void> {
    if (this.#isWhole && added.length === 0) return
    try {
      const more = this.#isWhole ? this.format.added(added) : null
      // An append that fails may have written a part, which the next writing does away with.
      this.#isWhole = false
      if (more !== null) await this.store.append(this.fileName, more)
      else await this.store.write('', new Map([[this.fileName, this.format.whole(all())]]))
      this.#isWhole = true
    } catch (error) {
      const reason = messageOf(error)
      if (!this.#hasWarned) this.onWarning(`${this.fileName} cannot be written, the training goes on: ${reason}`)
      this.#hasWarned = true
    }
  }
}
