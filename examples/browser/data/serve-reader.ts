import { expose } from 'comlink'
import type { Pair, RunData } from '../pairs.ts'
import { PairTable, type Show, type ShownRow, type TableSummary } from './pair-table.ts'
import { type OnProgress, readFiles } from './read-files.ts'

let table = new PairTable()
let parts: RunData = { train: [], heldOut: [] }

const calls = {
  async read(files: readonly File[], onProgress: OnProgress): Promise<TableSummary> {
    table = await readFiles(files, onProgress)
    return table.summary
  },
  page: (show: Show, from: number, count: number): { rows: ShownRow[]; total: number } => table.page(show, from, count),
  async split(share: number, seed: number): Promise<void> {
    parts = await table.split(share, seed)
  },
  /** Some pairs of what was split last: few, so that the page stays free while they come. */
  pairs: (part: keyof RunData, from: number, count: number): readonly Pair[] => parts[part].slice(from, from + count),
  setTooLong(keys: readonly string[]): TableSummary {
    table.setTooLong(keys)
    return table.summary
  },
}

/** What the worker can be asked. */
export type ReaderCalls = typeof calls

/** Reads what a person gives, and keeps the rows: the page asks for those that it shows or trains. */
export function serveReader(): void {
  expose(calls)
}
