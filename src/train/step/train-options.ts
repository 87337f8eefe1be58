import { abortSignal, callback, type OptionRules } from '../../core/options.ts'

/** How a run is gone through. */
export interface TrainOptions {
  /** Ends the loop with its reason, as the run's own `signal`, in whose place it is. */
  readonly signal?: AbortSignal
  /**
   * Whether nothing is queued behind a step before its report has been taken, so that the run can be measured or saved
   * as it is after just this step, also with `loggingSteps` above 1. Default: of no step.
   */
  readonly pauseAt?: PauseAt
}

export type PauseAt = (step: number) => boolean

export const trainRules: OptionRules<TrainOptions> = { signal: abortSignal, pauseAt: callback() }

export const never: PauseAt = () => false
