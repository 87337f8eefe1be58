import type { CpuBuild } from '../src/device/cpu/cpu-device.ts'
import { type Clock, type Samples, summarise, type Summary } from './stats.ts'

/** What the median of a figure should be. */
export type Bar = `${'>=' | '<=' | '>'} ${number}`

/** One number of a benchmark. */
export interface Figure extends Summary {
  readonly what: string
  readonly unit: string
  readonly bar?: Bar
  /** Whether the median reaches the bar. */
  readonly met?: boolean
}

/** A figure of samples, a number per round, beside its bar where it has one. */
export function figure(what: string, unit: string, samples: Samples, bar?: Bar | null): Figure {
  const summary = summarise(samples)
  if (!bar) return { what, unit, ...summary }
  const [sign, value] = bar.split(' ')
  const { median } = summary
  const met = sign === '<=' ? median <= Number(value) : sign === '>=' ? median >= Number(value) : median > Number(value)
  return { what, unit, ...summary, bar, met }
}

/**
 * Whether the WebGPU engine times its programs before it chooses among them; 'auto' is what the library does by itself.
 */
export const tunings = ['auto', 'on', 'off'] as const
export type Tuning = (typeof tunings)[number]

/** What rows are told. */
export interface RowOptions {
  readonly rounds: number
  readonly build: CpuBuild
  readonly tuning: Tuning
  /** What rows of adapters are timed by. */
  readonly clock: Clock
  /** Decoder layers of the models that are made. */
  readonly layers: number
  /** GGUF file or Hugging Face folder of SmolLM2-135M-Instruct. */
  readonly model: string
  /** Whether to print the kernels of a row that runs a model. */
  readonly profile: boolean
  /** Where a row has more to say than figures. */
  readonly say: (text: string) => void
}

/** Layers of Falcon-RW-1B: bars on models hold at this size only. */
export const fullLayers = 24

/** What a row found. */
export interface RowResult {
  readonly figures: readonly Figure[]
  /** Versions of what took part. */
  readonly versions?: Readonly<Record<string, string>>
  /** Who could not take part, and why. */
  readonly absent?: Readonly<Record<string, string>>
}

/** A group of figures that are taken in alternating rounds. */
export interface Row {
  readonly name: string
  readonly about: string
  /** Rounds that count, unless `--rounds` says otherwise. */
  readonly rounds: number
  readonly run: (options: RowOptions) => Promise<RowResult>
}
