import { check } from '../core/errors.ts'
import { number, type OptionRules, readOptions, whole } from '../core/options.ts'
import { Random } from '../core/random.ts'

/** How an interval is found. */
export interface BootstrapOptions {
  /** Draws. Default 10,000. */
  readonly resamples?: number
  /** Share of the draws that lie in the interval, above 0 and below 1. Default 0.95. */
  readonly confidence?: number
  /** Same seed, same interval. Default 0. */
  readonly seed?: number
}

/** A figure, and between what it lies; `null` where there are fewer than two units to draw from. */
export interface Interval {
  readonly value: number
  readonly low: number | null
  readonly high: number | null
}

/** A rule for each of them. */
export const bootstrapRules: OptionRules<BootstrapOptions> = {
  resamples: whole({ from: 1 }),
  confidence: number({ above: 0, below: 1 }),
  seed: whole({ from: 0 }),
}

/**
 * The percentile bootstrap (Efron 1979): the figure of as many units drawn with replacement, again and again; the
 * interval leaves as many draws below it as above, with numpy's linear quantiles. Where rows depend on one another,
 * such as questions about one disease, a unit is all of them together (a cluster bootstrap).
 * @param figure Of some units, of which one may come several times.
 * @throws MedAwareError `config` for no unit and for senseless options, `numeric` where a figure is not finite.
 */
export function bootstrapInterval<T>(
  units: readonly T[],
  figure: (drawn: readonly T[]) => number,
  options: BootstrapOptions = {},
): Interval {
  const who = 'bootstrapInterval'
  const { resamples = 10_000, confidence = 0.95, seed = 0 } = readOptions(who, options, bootstrapRules)
  check(units.length > 0, 'config', () => `${who}: there is nothing to draw from; give at least one unit`)
  const value = figure(units)
  check(Number.isFinite(value), 'numeric', () => `${who}: the figure of all ${units.length} units is ${value}`)
  if (units.length < 2) return { value, low: null, high: null }
  const random = new Random(seed)
  const figures = Float64Array.from({ length: resamples }, () => {
    return figure(units.map((unit) => units[random.below(units.length)] ?? unit))
  }).sort()
  const wrong = figures.find((each) => !Number.isFinite(each))
  check(wrong === undefined, 'numeric', () => `${who}: the figure of a draw is ${wrong}`)
  const tail = (1 - confidence) / 2
  return { value, low: quantile(figures, tail), high: quantile(figures, 1 - tail) }
}

/** Of ascending values, between the two that are nearest. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN]
  return below + (above - below) * (at - Math.floor(at))
}
