import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { number, oneOf, readArgument, whole } from '../../core/options.ts'
import { afterWarmup, type MetricFollower, type ScheduleRow } from './schedule.ts'

/** Settings of torch.optim.lr_scheduler.ReduceLROnPlateau. */
export interface ReduceLrOnPlateauSettings {
  /** Whether a metric is better when it is less, such as a loss, or more. Default 'min'. */
  readonly mode?: 'min' | 'max'
  /** What the rate is multiplied by, below 1. Default 0.1. */
  readonly factor?: number
  /** Metrics in a row that may be no better. Default 10. */
  readonly patience?: number
  /** By how much a metric must be better than the best to count. Default 1e-4. */
  readonly threshold?: number
  /** Whether that is a share of the best one. Default 'rel'. */
  readonly thresholdMode?: 'rel' | 'abs'
  /** Metrics after a reduction that are not counted. Default 0. */
  readonly cooldown?: number
  /** The least rate. Default 0. */
  readonly minLr?: number
  /** A reduction by less than this is left out. Default 1e-8. */
  readonly eps?: number
}

/** The peak, reduced each time that evaluations get no better; `TrainingRun.observe` takes their metrics. */
export const reduceLrOnPlateau: ScheduleRow<ReduceLrOnPlateauSettings> = {
  settings: {
    mode: oneOf(['min', 'max']),
    factor: number({ above: 0, below: 1 }),
    patience: whole({ from: 0 }),
    threshold: number({ from: 0 }),
    thresholdMode: oneOf(['rel', 'abs']),
    cooldown: whole({ from: 0 }),
    minLr: number({ from: 0 }),
    eps: number({ from: 0 }),
  },
  defaults: {
    ...{ mode: 'min', factor: 0.1, patience: 10, threshold: 1e-4 },
    ...{ thresholdMode: 'rel', cooldown: 0, minLr: 0, eps: 1e-8 },
  },
  create: (settings, context) => {
    const follower = new Plateau(settings, context.peak())
    return Object.assign(
      afterWarmup(context, () => follower.factor),
      { follower },
    )
  },
}

/** Counts metrics that are no better, as torch does. */
class Plateau implements MetricFollower {
  readonly #settings: Required<ReduceLrOnPlateauSettings>
  readonly #peak: number
  #rate: number
  #best: number | null = null
  #bad = 0
  #cooldown = 0

  constructor(settings: Required<ReduceLrOnPlateauSettings>, peak: number) {
    this.#settings = settings
    this.#peak = peak
    this.#rate = peak
  }

  get factor(): number {
    return this.#rate / this.#peak
  }

  observe(metric: number): void {
    readArgument('schedule', 'the metric', metric, number())
    const { patience, cooldown, factor, minLr, eps } = this.#settings
    if (this.#isBetter(metric)) {
      this.#best = metric
      this.#bad = 0
    } else this.#bad++
    if (this.#cooldown > 0) {
      this.#cooldown--
      this.#bad = 0
    }
    if (this.#bad <= patience) return
    const reduced = Math.max(this.#rate * factor, minLr)
    if (this.#rate - reduced > eps) this.#rate = reduced
    this.#cooldown = cooldown
    this.#bad = 0
  }

  state(): JsonObject {
    return { rate: this.#rate, best: this.#best, bad: this.#bad, cooldown: this.#cooldown }
  }

  restore(state: unknown): void {
    const { rate, best, bad, cooldown } = isJsonObject(state) ? state : {}
    const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
    const isRate = typeof rate === 'number' && rate >= 0 && Number.isFinite(rate)
    const isBest = best === null || (typeof best === 'number' && Number.isFinite(best))
    check(isRate && isBest && isCount(bad) && isCount(cooldown), 'format', () => {
      return 'schedule: the state of reduce_lr_on_plateau must have rate, best, bad and cooldown'
    })
    this.#rate = rate
    this.#best = best
    this.#bad = bad
    this.#cooldown = cooldown
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#settings
    const best = this.#best
    if (best === null) return true
    const sign = mode === 'min' ? -1 : 1
    const bound = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold
    return sign * metric > sign * bound
  }
}
