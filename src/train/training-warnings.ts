import { show, showNames } from '../core/show.ts'
import type { Schedule } from '../optim/schedules/schedule.ts'
import { warmupSteps } from '../optim/schedules/schedules.ts'
import { LossWatch } from './loss-watch.ts'
import type { ResolvedOptions, TrainingOptions, TrainingWarningCode } from './training-options.ts'

/**
 * Adam and Lion move a parameter by about the rate a step. A run whose rates add up to less changes an adapter, which
 * begins at zero, by nothing that could be seen in a logit.
 */
const leastTravel = 1e-6
/**
 * Half of the distance between neighbours in f32 at 0.02, where weights usually are: a smaller step is rounded away.
 */
const leastRate = 1e-9
/** Steps whose rates are added up one by one. */
const mostCounted = 100_000

/** What of a run is needed to warn of it. */
interface WatchedRun {
  readonly steps: number
  readonly step: number
  readonly stepsPerEpoch: number
  readonly options: ResolvedOptions
}

/** Tells, each at most once, what makes a run pointless; from numbers that are on the host anyway. */
export class TrainingWarnings {
  readonly #run: WatchedRun
  readonly #schedule: Schedule
  readonly #tell: NonNullable<TrainingOptions['onWarning']>
  readonly #told = new Set<TrainingWarningCode>()

  constructor(run: WatchedRun, schedule: Schedule, onWarning: TrainingOptions['onWarning']) {
    this.#run = run
    this.#schedule = schedule
    this.#tell = onWarning ?? (() => undefined)
  }

  /** Looks at the rate now, and at each report that the function it gives is called with. */
  watch(): (report: { readonly step: number; readonly loss: number; readonly labelTokens: number }) => void {
    const { steps, step, stepsPerEpoch, options } = this.#run
    if (step < steps) this.#checkRate()
    const watch = new LossWatch({ steps, done: step, warmup: warmupSteps(steps, options.warmup), stepsPerEpoch })
    return (report) => {
      const flat = watch.see(report)
      if (flat === null) return
      this.#warn(
        'loss-not-falling',
        `the loss has not fallen in ${flat.steps} of ${steps} steps: ${flat.first.toFixed(4)} at first, ${flat.last.toFixed(4)} ` +
          `now; raise the learning rate, ${options.learningRate}, or see that labels and adapter are what they should be`,
      )
    }
  }

  /** Tells of adapted layers that nothing trains. */
  layersWithout(layers: readonly string[], steps: number): void {
    const those = showNames(layers.map((layer) => show(layer)))
    this.#warn(
      'layer-without-gradient',
      `the adapter at ${those} has had no gradient in ${steps} ${steps === 1 ? 'step' : 'steps'}, so nothing trains it there: ` +
        'the loss does not hang on it, or its tokens are not in the data; see what it is, or leave it out',
    )
  }

  #checkRate(): void {
    const { steps, options } = this.#run
    const { learningRate } = options
    const travel = learningRate * this.#scheduled(steps)
    if (learningRate >= leastRate && travel >= leastTravel) return
    const most = travel.toPrecision(2)
    this.#warn(
      'learning-rate-too-low',
      `nothing can be learned at learningRate ${learningRate}: ${steps} steps move a parameter by ${most} at most; ` +
        'QLoRA takes 2e-4, full fine-tuning 2e-5',
    )
  }

  /** The sum of the schedule's factors. */
  #scheduled(steps: number): number {
    const counted = Math.min(steps, mostCounted)
    let sum = 0
    for (let i = 0; i < counted; i++) sum += this.#schedule(Math.floor((i * steps) / counted))
    return (sum * steps) / counted
  }

  #warn(code: TrainingWarningCode, message: string): void {
    if (this.#told.has(code)) return
    this.#told.add(code)
    this.#tell(`TrainingRun: ${message}`, code)
  }
}
