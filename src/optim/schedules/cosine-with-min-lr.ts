import { check } from '../../core/errors.ts'
import { number, type OptionRules, orNull } from '../../core/options.ts'
import { type CosineSettings, cyclesRule, wave } from './plain-schedules.ts'
import { afterWarmup, type ScheduleContext, type ScheduleRow, shareOfPeak } from './schedule.ts'

/** Settings of a cosine that ends above 0: one of `minLr` and `minLrRate` is needed. */
export interface CosineMinSettings extends CosineSettings {
  /** The rate at the end. Default null. */
  readonly minLr?: number | null
  /** The same as a share of the peak. Default null. */
  readonly minLrRate?: number | null
}

/** Settings of such a cosine with a warm-up that does not begin at 0. */
export interface CosineWarmupMinSettings extends CosineMinSettings {
  /** The share of the peak at the first step. Default null: one part of the warm-up's steps. */
  readonly warmupLrRate?: number | null
}

const share = number({ from: 0, to: 1 })

const settings: OptionRules<CosineMinSettings> = {
  numCycles: cyclesRule,
  minLr: orNull(number({ from: 0 })),
  minLrRate: orNull(share),
}

const defaults: Required<CosineMinSettings> = { numCycles: 0.5, minLr: null, minLrRate: null }

/** A half cosine to a rate above 0. */
export const cosineWithMinLr: ScheduleRow<CosineMinSettings> = {
  settings,
  defaults,
  create: (given, context) => {
    const least = leastOf('cosine_with_min_lr', given, context)
    return afterWarmup(context, (_, progress) => lifted(wave(given.numCycles, progress), least))
  },
}

/** The same, where the first step of a warm-up has a rate already. */
export const cosineWarmupWithMinLr: ScheduleRow<CosineWarmupMinSettings> = {
  settings: { ...settings, warmupLrRate: orNull(share) },
  defaults: { ...defaults, warmupLrRate: null },
  create: (given, context) => {
    const least = leastOf('cosine_warmup_with_min_lr', given, context)
    const { steps, warmup } = context
    const { warmupLrRate: first, numCycles } = given
    return (step) => {
      if (step >= warmup) {
        const progress = (step - warmup + 1) / Math.max(1, steps - warmup)
        return lifted(wave(numCycles, progress), least)
      }
      return first === null ? (step + 1) / warmup : first + ((1 - first) * step) / Math.max(1, warmup - 1)
    }
  },
}

const lifted = (factor: number, least: number): number => factor * (1 - least) + least

function leastOf(name: string, { minLr, minLrRate }: Required<CosineMinSettings>, context: ScheduleContext): number {
  check((minLr === null) !== (minLrRate === null), 'config', () => {
    return `schedule: ${name} needs one of minLr, a rate, and minLrRate, a share of the peak`
  })
  return minLrRate ?? shareOfPeak('minLr', minLr ?? 0, context)
}
