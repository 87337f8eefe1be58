import type { CpuBuild } from '../src/device/cpu.ts'
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
  readonly build: CpuBuild
  /** Decoder layers of the models that are made; Falcon-RW-1B has 24. */
  readonly layers: number
  /** Whether to print the kernels of a row that runs a model. */
  readonly profile: boolean
  /** Where a row has more to say than figures. */
  readonly say: (text: string) => void
}

/** A group of figures that are taken in alternating rounds. */
export interface Row {
  readonly name: string
  readonly about: string
  readonly run: (options: RowOptions) => Promise<readonly Figure[]>
}
