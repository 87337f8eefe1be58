import { number, orNull, whole } from '../../core/options.ts'
import { afterWarmup, type ScheduleRow, shareOfPeak } from './schedule.ts'

/** Settings of a schedule that has none. */
export type NoSettings = Readonly<Record<never, never>>

/** Half waves and whole ones. */
export const cyclesRule = number({ above: 0 })

/** Goes up and down in waves: 1 at the begin, 0 at the end of each half one. */
export const wave = (cycles: number, progress: number): number => 0.5 * (1 + Math.cos(2 * Math.PI * cycles * progress))

/** The peak to the end. */
export const constant: ScheduleRow<NoSettings> = {
  aliases: ['constant_with_warmup'],
  settings: {},
  defaults: {},
  create: (_, context) => afterWarmup(context, () => 1),
}

/** A line to 0. */
export const linear: ScheduleRow<NoSettings> = {
  settings: {},
  defaults: {},
  create: (_, context) => afterWarmup(context, (_, progress) => 1 - progress),
}

/** Settings of a cosine. */
export interface CosineSettings {
  /** Waves until the end. Default 0.5: down to 0 once. */
  readonly numCycles?: number
}

/** A half cosine to 0. */
export const cosine: ScheduleRow<CosineSettings> = {
  settings: { numCycles: cyclesRule },
  defaults: { numCycles: 0.5 },
  create: ({ numCycles }, context) => afterWarmup(context, (_, progress) => wave(numCycles, progress)),
}

/** Settings of a cosine that begins anew. */
export interface CosineRestartsSettings {
  /** Times that it falls from the peak to 0. Default 1. */
  readonly numCycles?: number
}

/** Half cosines to 0, each beginning at the peak again. */
export const cosineWithRestarts: ScheduleRow<CosineRestartsSettings> = {
  settings: { numCycles: whole({ from: 1 }) },
  defaults: { numCycles: 1 },
  create: ({ numCycles }, context) => {
    return afterWarmup(context, (_, progress) => (progress >= 1 ? 0 : wave(0.5, (numCycles * progress) % 1)))
  },
}

/** Settings of a polynomial. */
export interface PolynomialSettings {
  /** The rate at the end. Default 1e-7. */
  readonly lrEnd?: number
  /** Default 1, a line. */
  readonly power?: number
}

/** A power of what is left of the run, down to `lrEnd`. */
export const polynomial: ScheduleRow<PolynomialSettings> = {
  settings: { lrEnd: number({ from: 0 }), power: number({ above: 0 }) },
  defaults: { lrEnd: 1e-7, power: 1 },
  create: ({ lrEnd, power }, context) => {
    const end = shareOfPeak('lrEnd', lrEnd, context)
    return afterWarmup(context, (_, progress) => (1 - end) * (1 - progress) ** power + end)
  },
}

/** Settings of an inverse square root. */
export interface InverseSqrtSettings {
  /** Steps in which the rate falls by √2. Default null: the warm-up's, or 10,000 without one. */
  readonly timescale?: number | null
}

/** One over the square root of the step. */
export const inverseSqrt: ScheduleRow<InverseSqrtSettings> = {
  settings: { timescale: orNull(whole({ from: 1 })) },
  defaults: { timescale: null },
  create: ({ timescale }, context) => {
    const { warmup } = context
    const scale = timescale ?? (warmup || 10_000)
    return afterWarmup(context, (step) => 1 / Math.sqrt((step + scale - warmup) / scale))
  },
}
