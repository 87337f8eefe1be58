import type { RunStore } from '../../io/runs/run-store.ts'
import type { LogFormat, LogRecord } from './log-format.ts'

/** A log in a run's store, which is brought to what the run has reported so far. */
export class LogFile {
  /** Records in the file; null where what is in it is not known. */
  #written: number | null = null
  #hasWarned = false

  constructor(
    readonly store: RunStore,
    readonly format: LogFormat,
    readonly fileName: string,
    readonly onWarning: (message: string) => void,
  ) {}

  /** Writes what is not in the file yet, all of it where that is not known. What cannot be written is told once. */
  async bring(records: readonly LogRecord[]): Promise<void> {
    if (this.#written === records.length) return
    try {
      const added = this.#written === null ? null : this.format.added(records, this.#written)
      // An append that fails may have written a part, which the next writing does away with.
      this.#written = null
      if (added !== null) await this.store.append(this.fileName, added)
      else await this.store.write('', new Map([[this.fileName, this.format.whole(records)]]))
      this.#written = records.length
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!this.#hasWarned) this.onWarning(`${this.fileName} cannot be written, the training goes on: ${reason}`)
      this.#hasWarned = true
    }
  }

  /** Whether the last writing went well. */
  get isWhole(): boolean {
    return this.#written !== null
  }
}
