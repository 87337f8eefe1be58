import type { Summary } from './stats.ts'

/** One number of a benchmark. */
export interface Figure extends Summary {
  readonly what: string
  readonly unit: string
  /** What it should reach. */
  readonly bar?: string
}

/** What rows are told. */
export interface RowOptions {
  readonly rounds: number
  readonly relaxedSimd: boolean
  /** Where a row has more to say than figures. */
  readonly say: (text: string) => void
}

/** A group of figures that are taken in alternating rounds. */
export interface Row {
  readonly name: string
  readonly about: string
  readonly run: (options: RowOptions) => Promise<readonly Figure[]>
}
