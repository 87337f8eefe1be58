import type { CpuBuild } from '../src/device/cpu/cpu-device.ts'
import { bestOf, type Better, type Clock, ratios, type Samples, summarise, type Summary } from './stats.ts'

/** What a figure should be. */
export type Bar = `${'>=' | '<=' | '>'} ${number}`

/** A bar, or bars by Node's major version: that of the latest version which is not newer than this Node holds. */
export type Bars = Bar | Readonly<Record<number, Bar>>

/** Which number of a figure its bar is held against. */
export const judges = ['best', 'median'] as const
export type Judge = (typeof judges)[number]

/** One number of a benchmark. */
export interface Figure extends Summary {
  readonly what: string
  readonly unit: string
  /** The best round: the least time, the most speed. Of a ratio, the best of the one beside the best of the other. */
  readonly best: number
  readonly bar?: Bar
  readonly judgedBy?: Judge
  /** Whether what judges reaches the bar. */
  readonly met?: boolean
  /** Rounds, from 0, in which multiply-adds in registers fell as well: something else had the processor. */
  readonly fell?: readonly number[]
}

/** What else is told of a figure. */
export interface FigureOptions {
  readonly bar?: Bars | null | undefined
  /** Default: by the median. */
  readonly judgedBy?: Judge | undefined
  /** Default: more of what is counted a second, less of all else. */
  readonly better?: Better
  /** Of a ratio: the best that its best stands beside. Default: the best of the samples beside. */
  readonly besideBest?: number
  readonly fell?: readonly number[] | undefined
}

/** A figure of samples, a number per round, beside its bar where it has one. */
export function figure(what: string, unit: string, samples: Samples, options: FigureOptions = {}): Figure {
  const better = options.better ?? (unit.endsWith('/s') ? 'more' : 'less')
  return judged({ what, unit, ...summarise(samples), best: bestOf(samples, better) }, options)
}

/**
 * What samples are of others: the median and the ends of what they are round by round, and the best of the one beside
 * the best of the other. `better` is of the samples; by default less, as of times.
 */
export function ratio(what: string, of: Samples, beside: Samples, options: FigureOptions = {}): Figure {
  const { better = 'less', besideBest = bestOf(beside, better) } = options
  const best = bestOf(of, better) / besideBest
  return judged({ what, unit: 'x', ...summarise(ratios(of, beside)), best }, options)
}

/** A figure beside its bar, and the rounds that fell. */
export function judged(plain: Figure, { bar: bars, judgedBy = 'median', fell }: FigureOptions): Figure {
  const bar = barFor(bars ?? null)
  const all = fell === undefined ? plain : { ...plain, fell }
  return bar === null ? all : { ...all, bar, judgedBy, met: meets(plain[judgedBy], bar) }
}

/** The bar that holds for this Node; null if none does. */
export function barFor(bars: Bars | null, node = process.versions.node): Bar | null {
  if (bars === null || typeof bars === 'string') return bars
  const majors = Object.keys(bars).map(Number)
  const latest = Math.max(...majors.filter((major) => major <= parseInt(node, 10)))
  return bars[latest] ?? null
}

function meets(value: number, bar: Bar): boolean {
  const [sign, limit] = bar.split(' ')
  if (sign === '<=') return value <= Number(limit)
  return sign === '>=' ? value >= Number(limit) : value > Number(limit)
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
