import type { Protocol } from './arm.ts'
import type { Trial } from './find-rates.ts'
import type { Experiment } from './arms.ts'
import type { ArmRecord } from './run-arm.ts'
import type { Timing } from './time-kind.ts'

/** A question that quality is measured on. Bytes are those of the answer within the length. */
export interface MeasuredQuestion {
  readonly id: string
  readonly disease: string
  readonly bytes: number
}

/** All that tables and plots are made of. */
export interface ExperimentRecord {
  readonly model: string
  readonly engine: string
  readonly protocol: Protocol
  readonly steps: number
  readonly trialSteps: number
  readonly questions: readonly MeasuredQuestion[]
  /** Trained parameters by the kind's name. */
  readonly parameters: Readonly<Record<string, number>>
  readonly timings: readonly Timing[]
  readonly trials: readonly Trial[]
  /** Names of each experiment's arms, in their order, and all records that there are of them. */
  readonly experiments: Readonly<Partial<Record<Experiment, readonly string[]>>>
  readonly records: readonly ArmRecord[]
}
