import { check } from '../../core/errors.ts'
import { number, oneOf, orNull, whole } from '../../core/options.ts'
import { cyclesRule, wave } from './plain-schedules.ts'
import type { ScheduleRow } from './schedule.ts'

/** How a rate rises or falls. */
export type RampType = 'linear' | 'cosine' | '1-sqrt'

/** Settings of three stages: warm-up, the peak, decay. */
export interface WarmupStableDecaySettings {
  /** Steps of the decay; needed. */
  readonly numDecaySteps?: number | null
  /** Steps at the peak. Default null: what warm-up and decay leave. */
  readonly numStableSteps?: number | null
  /** Default 'linear'. */
  readonly warmupType?: RampType
  /** Default 'cosine'. */
  readonly decayType?: RampType
  /** The least rate as a share of the peak: where the warm-up begins, and the decay ends. Default 0. */
  readonly minLrRatio?: number
  /** Waves of a cosine decay. Default 0.5. */
  readonly numCycles?: number
}

const count = orNull(whole({ from: 0 }))
const ramp = oneOf(['linear', 'cosine', '1-sqrt'])

/** Up, along the peak, and down. */
export const warmupStableDecay: ScheduleRow<WarmupStableDecaySettings> = {
  settings: {
    ...{ numDecaySteps: count, numStableSteps: count, warmupType: ramp, decayType: ramp },
    ...{ minLrRatio: number({ from: 0, to: 1 }), numCycles: cyclesRule },
  },
  defaults: {
    ...{ numDecaySteps: null, numStableSteps: null, warmupType: 'linear', decayType: 'cosine' },
    ...{ minLrRatio: 0, numCycles: 0.5 },
  },
  create: ({ numDecaySteps, numStableSteps, warmupType, decayType, minLrRatio, numCycles }, { steps, warmup }) => {
    check(numDecaySteps !== null, 'config', () => 'schedule: warmup_stable_decay needs numDecaySteps')
    const stable = numStableSteps ?? steps - warmup - numDecaySteps
    check(stable >= 0, 'config', () => {
      return `schedule: a warm-up of ${warmup} steps and a decay of ${numDecaySteps} do not fit into ${steps}`
    })
    const lifted = (factor: number) => factor * (1 - minLrRatio) + minLrRatio
    return (step) => {
      if (step < warmup) return lifted(rise[warmupType](step / warmup))
      const decayed = step - warmup - stable
      if (decayed < 0) return 1
      if (decayed >= numDecaySteps) return minLrRatio
      return lifted(fall[decayType](decayed / numDecaySteps, numCycles))
    }
  },
}

const rise: Readonly<Record<RampType, (progress: number) => number>> = {
  linear: (progress) => progress,
  cosine: (progress) => 1 - wave(0.5, progress),
  '1-sqrt': (progress) => 1 - Math.sqrt(1 - progress),
}

const fall: Readonly<Record<RampType, (progress: number, cycles: number) => number>> = {
  linear: (progress) => 1 - progress,
  cosine: (progress, cycles) => wave(cycles, progress),
  '1-sqrt': (progress) => 1 - Math.sqrt(progress),
}
