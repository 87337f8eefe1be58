import { Random } from 'peft-medaware'
import { curveShapes, type FittedCurve, type SizedValue } from './fit-curve.ts'
import type { CurveRecord } from './records.ts'

/** Which measurement of a run: at its lowest validation loss, or after the fixed steps. */
export type Measurement = 'best' | 'fixed'

/** A value, and between what 95% of the draws lie. */
export interface Band {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What is said of a size. */
export interface SizeBands {
  readonly size: number
  /** Bits per byte of the curve. */
  readonly curve: Band
  /** The same less those of the base on the same diseases, and between what one more run would lie. */
  readonly overBase: Band
  readonly run: Band
  /** The same less those of the curve at the largest size that was measured. */
  readonly overLargest: Band
}

const shape = curveShapes['power law with a floor']

/** Bits per byte of the base, and of each run, on diseases that come so many times. */
interface Measured {
  readonly base: number
  readonly runs: readonly { readonly size: number; readonly seed: number; readonly value: number }[]
}

/** Measures on the diseases of a record, each counted as often as it was drawn. */
export function measuring(record: CurveRecord, which: Measurement, isCounted: (qtype: string) => boolean = () => true) {
  const counted = record.questions.map(({ qtype }) => isCounted(qtype))
  const diseases = [...new Set(record.questions.filter((_, i) => counted[i]).map(({ disease }) => disease))]
  const placeOf = new Map(diseases.map((disease, i) => [disease, i]))
  const byDisease = (of: (question: number) => number) => {
    const sums = new Float64Array(diseases.length)
    for (const [i, { disease }] of record.questions.entries()) {
      const at = counted[i] === true ? placeOf.get(disease) : undefined
      if (at !== undefined) sums[at] = (sums[at] ?? 0) + of(i)
    }
    return sums
  }
  const bytes = byDisease((i) => record.questions[i]?.bytes ?? NaN)
  const base = byDisease((i) => record.base.nats[i] ?? NaN)
  const runs = record.points.map(({ size, seed, nats }) => {
    return { size, seed, nats: byDisease((i) => nats[which][i] ?? NaN) }
  })
  const weighted = (sums: Float64Array, times: Float64Array) =>
    sums.reduce((all, sum, i) => all + sum * (times[i] ?? 0), 0)
  const measure = (times: Float64Array): Measured => {
    const per = weighted(bytes, times) * Math.LN2
    const valueOf = (nats: Float64Array) => weighted(nats, times) / per
    return { base: valueOf(base), runs: runs.map(({ nats, ...run }) => ({ ...run, value: valueOf(nats) })) }
  }
  return { diseases: diseases.length, measure }
}

/** The mean of each size. */
export function meansBySize(runs: readonly SizedValue[]): SizedValue[] {
  const sizes = [...new Set(runs.map(({ size }) => size))]
  return sizes.map((size) => {
    const own = runs.filter((run) => run.size === size)
    return { size, value: own.reduce((sum, { value }) => sum + value, 0) / own.length }
  })
}

/** The curve through the means of the sizes. */
export function curveThrough(record: CurveRecord, which: Measurement): FittedCurve {
  const { diseases, measure } = measuring(record, which)
  return shape.fit(meansBySize(measure(new Float64Array(diseases).fill(1)).runs))
}

/**
 * The curve with its bands, by a bootstrap in two floors. Each draw takes diseases with replacement and fits the curve
 * to what the runs come to on them. Then it puts each run off that curve by a distance that one of the runs has, and
 * fits anew: of two or three seeds a size, drawing seeds themselves would vary too little. Distances are widened by the
 * parameters that were fitted. One more run is off the curve of a draw by a distance too. Percentiles, 95%.
 */
export function curveBands(
  record: CurveRecord,
  which: Measurement,
  sizes: readonly number[],
  draws = 1000,
): readonly SizeBands[] {
  const { diseases, measure } = measuring(record, which)
  const largest = Math.max(...record.points.map(({ size }) => size))
  const whole = measure(new Float64Array(diseases).fill(1))
  const random = new Random(0)
  const drawn = Array.from({ length: draws }, () => {
    const { base, runs } = measure(drawTimes(random, diseases))
    const first = shape.fit(meansBySize(runs))
    const distances = distancesOf(first, runs)
    const distance = () => distances[random.below(distances.length)] ?? NaN
    return { base, curve: refit(first, runs, distance), distance: distance() }
  })
  const curve = shape.fit(meansBySize(whole.runs))
  const bandOf = (of: (look: (typeof drawn)[number]) => number): Band => {
    const values = Float64Array.from(drawn, of).sort()
    const value = of({ base: whole.base, curve, distance: 0 })
    return { value, low: quantile(values, 0.025), high: quantile(values, 0.975) }
  }
  return sizes.map((size) => ({
    size,
    curve: bandOf(({ curve: { at } }) => at(size)),
    overBase: bandOf(({ curve: { at }, base }) => at(size) - base),
    run: bandOf(({ curve: { at }, base, distance }) => at(size) - base + distance),
    overLargest: bandOf(({ curve: { at } }) => at(size) - at(largest)),
  }))
}

/** How far runs are off a curve, widened for its parameters. */
function distancesOf({ parameters, at }: FittedCurve, runs: readonly SizedValue[]): number[] {
  const wider = Math.sqrt(runs.length / Math.max(1, runs.length - Object.keys(parameters).length))
  return runs.map(({ size, value }) => wider * (value - at(size)))
}

/** The curve through runs of the same sizes that are off a curve by other distances. */
function refit({ at }: FittedCurve, runs: readonly SizedValue[], distance: () => number): FittedCurve {
  return shape.fit(meansBySize(runs.map(({ size }) => ({ size, value: at(size) + distance() }))))
}

/** How often each of so many comes up in as many draws with replacement. */
function drawTimes(random: Random, count: number): Float64Array {
  const times = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const at = random.below(count)
    times[at] = (times[at] ?? 0) + 1
  }
  return times
}

/** Of ascending values, between the two that are nearest. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN]
  return below + (above - below) * (at - Math.floor(at))
}
