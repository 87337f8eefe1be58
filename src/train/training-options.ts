import { check } from '../core/errors.ts'
import type { ScheduleName } from '../optim/schedules.ts'

/** Settings of a run, with the defaults of TRL's SFTConfig where it has them. */
export interface TrainingOptions {
  /** Optimiser steps; overrides `epochs`. Default: none. */
  readonly maxSteps?: number
  /** Passes over the examples. Default 3. */
  readonly epochs?: number
  /** Examples of one forward pass. Default 8. */
  readonly batchSize?: number
  /** Forward passes of one optimiser step. Default 1. */
  readonly gradientAccumulationSteps?: number
  /** Peak learning rate. Default 2e-5 (TRL; QLoRA's paper takes 2e-4). */
  readonly learningRate?: number
  /** Default 'linear'. */
  readonly schedule?: ScheduleName
  /** Warm-up in steps, or as a share of all steps if below 1. Default 0. */
  readonly warmup?: number
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Default 1e-8. */
  readonly eps?: number
  /** Decay of matrices; biases and norms never decay. Default 0. */
  readonly weightDecay?: number
  /** Clip the global gradient norm to this; 0 does not clip. Default 1. */
  readonly maxGradNorm?: number
  /** Order of the examples and dropout. Default 42. */
  readonly seed?: number
  /**
   * Steps whose losses and norms are read back together, while the device works on: fewer waits, reports in groups. Default 1,
   * which waits for each step (transformers' logging_steps, which is 500).
   */
  readonly loggingSteps?: number
  /** Let examples of like length meet in a batch. Default false. */
  readonly groupByLength?: boolean
  /**
   * Turn on the model's `gradientCheckpointing` for the run: less memory, more time, the same bits. Default false, which
   * leaves it as it is, as in transformers' TrainingArguments: most batches fit here, and time is dearer (TRL's default is true).
   */
  readonly gradientCheckpointing?: boolean
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<Omit<TrainingOptions, 'maxSteps'>> & { readonly maxSteps: number | null }

/** Fills in defaults. @throws MedAwareError `config` for a value out of range; it names the option. */
export function trainingOptions(given: TrainingOptions): ResolvedOptions {
  const options: ResolvedOptions = {
    epochs: 3,
    batchSize: 8,
    gradientAccumulationSteps: 1,
    learningRate: 2e-5,
    schedule: 'linear',
    warmup: 0,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0,
    maxGradNorm: 1,
    seed: 42,
    loggingSteps: 1,
    groupByLength: false,
    gradientCheckpointing: false,
    ...given,
    maxSteps: given.maxSteps ?? null,
  }
  for (const key of [
    'batchSize',
    'gradientAccumulationSteps',
    'loggingSteps',
    ...(options.maxSteps === null ? [] : (['maxSteps'] as const)),
  ] as const) {
    const value = options[key]
    check(
      Number.isInteger(value) && (value ?? 0) > 0,
      'config',
      () => `TrainingRun: ${key} must be a whole number above 0, got ${value}`,
    )
  }
  for (const key of ['epochs', 'learningRate', 'eps'] as const) {
    check(options[key] > 0, 'config', () => `TrainingRun: ${key} must be above 0, got ${options[key]}`)
  }
  for (const key of ['warmup', 'weightDecay', 'maxGradNorm'] as const) {
    check(options[key] >= 0, 'config', () => `TrainingRun: ${key} must not be negative, got ${options[key]}`)
  }
  return options
}
