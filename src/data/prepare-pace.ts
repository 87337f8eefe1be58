import type { PrepareOptions } from './prepare-options.ts'

/** Milliseconds between two reports. */
const interval = 250

/** Tells how fast rows go by, not more often than one can read. */
export class PreparePace {
  readonly #began = performance.now()
  readonly #total: number | null
  readonly #tell: NonNullable<PrepareOptions['onProgress']>
  #told = this.#began

  constructor(total: number | null, tell: PrepareOptions['onProgress']) {
    this.#total = total
    this.#tell = tell ?? (() => undefined)
  }

  /** Whether it is time for a report. */
  get isDue(): boolean {
    return performance.now() - this.#told >= interval
  }

  tell(rows: number): void {
    const now = performance.now()
    this.#told = now
    const rowsPerSecond = (rows * 1000) / Math.max(now - this.#began, 1)
    const left = this.#total === null || rows === 0 ? null : Math.max(this.#total - rows, 0) / rowsPerSecond
    this.#tell({ rows, total: this.#total, rowsPerSecond, secondsLeft: left })
  }
}
