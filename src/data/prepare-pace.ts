import { nextTurn } from '#platform'
import type { Dataset, Row } from './dataset.ts'
import type { PrepareOptions } from './prepare-options.ts'

/** Milliseconds between two reports. */
const interval = 250

/** Tells how fast rows go by, not more often than one can read. */
class PreparePace {
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

/** The rows, each with its place. It lets others run now and then, and tells how far it has come. */
export async function* pacedRows(
  dataset: Dataset,
  { signal, onProgress }: Pick<PrepareOptions, 'signal' | 'onProgress'>,
): AsyncGenerator<readonly [row: Row, index: number]> {
  const pace = new PreparePace(dataset.length, onProgress)
  let index = 0
  for await (const row of dataset) {
    signal?.throwIfAborted()
    if (pace.isDue) {
      pace.tell(index)
      await nextTurn()
    }
    yield [row, index++]
  }
  pace.tell(index)
}
