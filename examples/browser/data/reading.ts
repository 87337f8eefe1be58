import { proxy, type Remote, wrap } from 'comlink'
import type { Pair, RunData } from '../pairs.ts'
import type { Show, ShownRow, TableSummary } from './pair-table.ts'
import type { OnProgress } from './read-files.ts'
import type { ReaderCalls } from './serve-reader.ts'

/** Pairs that come from the worker at a time. */
const atOnce = 1000

/** Files that were read, whose rows are in a worker of their own. */
export class Reading {
  readonly #worker: Worker
  readonly #calls: Remote<ReaderCalls>
  #summary: TableSummary

  private constructor(worker: Worker, calls: Remote<ReaderCalls>, summary: TableSummary) {
    this.#worker = worker
    this.#calls = calls
    this.#summary = summary
  }

  /**
   * Reads files; one without a name is a text that was typed.
   * @throws Error with the sentence of `readFiles`; the signal's reason, which ends the worker at once.
   */
  static async start(files: readonly File[], onProgress: OnProgress, signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted()
    const worker = new Worker(new URL('./reader.worker.ts', import.meta.url), { type: 'module' })
    const calls = wrap<ReaderCalls>(worker)
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      worker.onerror = ({ message }) => reject(new Error(`What reads files cannot be started or has ended: ${message}`))
    })
    try {
      return new Reading(worker, calls, await Promise.race([calls.read(files, proxy(onProgress)), ended]))
    } catch (error) {
      worker.terminate()
      throw error
    }
  }

  get summary(): TableSummary {
    return this.#summary
  }

  /** Some of the rows, and the number of all of them. */
  page(show: Show, from: number, count: number): Promise<{ rows: ShownRow[]; total: number }> {
    return this.#calls.page(show, from, count)
  }

  /** The pairs to learn and those to measure on, split by topic or question. */
  async runData(heldOutShare: number, seed: number): Promise<RunData> {
    await this.#calls.split(heldOutShare, seed)
    return { train: await this.#all('train'), heldOut: await this.#all('heldOut') }
  }

  /** Notes of which pairs the last run had nothing to learn; `keyOf` names them. */
  async setTooLong(keys: readonly string[]): Promise<void> {
    this.#summary = await this.#calls.setTooLong(keys)
  }

  /** Forgets the rows. */
  close(): void {
    this.#worker.terminate()
  }

  async #all(part: keyof RunData): Promise<Pair[]> {
    const all: Pair[] = []
    for (;;) {
      const some = await this.#calls.pairs(part, all.length, atOnce)
      all.push(...some)
      if (some.length < atOnce) return all
    }
  }
}
