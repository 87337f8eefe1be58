import { check } from '../core/errors.ts'
import {
  abortSignal,
  type Aliases,
  callback,
  flag,
  number,
  type OptionRules,
  orNull,
  readOptions,
  whole,
} from '../core/options.ts'
import { betasRule, epsRule, f32, weightDecayRule } from '../optim/optimizer-options.ts'
import {
  type OptimizerChoice,
  optimizerChoiceRule,
  type ResolvedOptimizer,
  resolveOptimizer,
} from '../optim/optimizers.ts'
import {
  type ResolvedSchedule,
  resolveSchedule,
  type ScheduleChoice,
  scheduleRule,
  warmupRule,
} from '../optim/schedules/schedules.ts'
import { inOurNames, type TransformersNames, transformersRules } from './arguments/transformers-names.ts'
import type { Example } from '../models/example.ts'
import type { LabelledBatch } from './labelled-batch.ts'
import type { TrainingLoss } from './training-loss.ts'

/**
 * What a run warns of: nothing can be learned at this rate, the loss has not fallen in the first tenth of the run, an
 * adapted layer has had no gradient in its first steps, or an adapter's own schedule does not fit the run's steps.
 */
export type TrainingWarningCode =
  'learning-rate-too-low' | 'loss-not-falling' | 'layer-without-gradient' | 'adapter-schedule'

/**
 * Settings of a run, with the defaults of TRL's SFTConfig where it has them. What transformers calls otherwise may be
 * given by that name instead.
 * @typeParam B What its batches are; examples become `LabelledBatch`es.
 */
export interface TrainingOptions<B = LabelledBatch> extends TransformersNames {
  /**
   * Optimiser steps; overrides `epochs`. Default null: as many as `epochs` gives. Batches need it, for they do not say
   * their number.
   */
  readonly maxSteps?: number | null
  /** Passes over the examples. Default 3. */
  readonly epochs?: number
  /** Examples of one forward pass. Default 8. */
  readonly batchSize?: number
  /** Forward passes of one optimiser step. Default 1. */
  readonly gradientAccumulationSteps?: number
  /** Peak learning rate. Default 2e-5 (TRL; QLoRA's paper takes 2e-4). */
  readonly learningRate?: number
  /**
   * A name, `{ type: name, …settings }`, or a function of the step, from 0, and their number, which gives a factor on
   * `learningRate`. Default 'linear'.
   */
  readonly schedule?: ScheduleChoice
  /**
   * Warm-up in steps, or as a share of all steps if below 1. Default 0, which a schedule that is a function must leave.
   */
  readonly warmup?: number
  /**
   * A name, `{ type: name, …settings }`, a function that makes an optimizer of parameters, or one that was made for
   * `model.trainableParameters()`, which the run disposes of. Default 'adamw'.
   */
  readonly optimizer?: OptimizerChoice
  /** The optimizer's decay rates, as its own setting. Default: the optimizer's, [0.9, 0.999] of AdamW. */
  readonly betas?: readonly [number, number]
  /** The optimizer's, as its own setting. Default: the optimizer's, 1e-8 of AdamW. */
  readonly eps?: number
  /**
   * LoRA+ (arXiv 2402.12354): B of LoRA learns at this multiple of `learningRate`, with all that has one dimension, as
   * PEFT's create_loraplus_optimizer has it. The paper takes 16, and a rate half as high. Default null: all learn
   * alike.
   */
  readonly loraplusLrRatio?: number | null
  /** With LoRA+, the peak rate of LoRA on tables of embeddings. Default 1e-6. */
  readonly loraplusLrEmbedding?: number
  /** Decay of matrices, as the optimizer's own setting; biases and norms never decay. Default: the optimizer's, 0. */
  readonly weightDecay?: number
  /** Clip the global gradient norm to this; 0 does not clip. Default 1. */
  readonly maxGradNorm?: number
  /** Of dropout, and of the order of the examples: a whole number, of which the low 32 bits count. Default 42. */
  readonly seed?: number
  /** Of the order of the examples alone, likewise. Default null: `seed`. */
  readonly dataSeed?: number | null
  /**
   * Steps whose losses and norms are read back together, while the device works on: fewer waits, reports in groups.
   * Default 1, which waits for each step (transformers' logging_steps, which is 500).
   */
  readonly loggingSteps?: number
  /** Let examples of like length meet in a batch. Default false. */
  readonly groupByLength?: boolean
  /**
   * Turn on the model's `gradientCheckpointing` for the run: less memory, more time, the same bits. Default false,
   * which leaves it as it is, as in transformers' TrainingArguments: most batches fit here, and time is dearer (TRL's
   * default is true).
   */
  readonly gradientCheckpointing?: boolean
  /**
   * What is learned, in the place of the model's own loss (transformers' compute_loss_func): f32 [1], the batch's share
   * of the step's loss. Default: the mean cross-entropy of the step's labels.
   */
  readonly loss?: TrainingLoss<B>
  /**
   * Makes a batch of some examples (transformers' data_collator). Default: side by side, padded on the right, a
   * `LabelledBatch`, which is what the model's own loss takes.
   */
  readonly dataCollator?: (examples: readonly Example[]) => B
  /** Train without dropout, as TRL's DPOConfig does by its disable_dropout. Default false. */
  readonly disableDropout?: boolean
  /**
   * NEFTune (arXiv 2310.05914): uniform noise within this over √(tokens · channels) on the embeddings, while training.
   * The paper takes 5. Default null: none.
   */
  readonly neftuneNoiseAlpha?: number | null
  /**
   * Share of what is wanted of each prediction that all tokens have alike, the label having the rest (transformers'
   * LabelSmoother). Reported losses are of that, and so is what a trainer's evaluations measure. From 0 to 1, default
   * 0.
   */
  readonly labelSmoothingFactor?: number
  /**
   * Ends the loop with its reason before the next micro-batch: of a step that is not whole nothing is applied, so that
   * the run can be saved, and gone on with, as if it had not stopped. `train` takes another one. Default: none.
   */
  readonly signal?: AbortSignal
  /** Told what makes a run pointless, each code at most once, as soon as it is known. Default: nobody. */
  readonly onWarning?: (message: string, code: TrainingWarningCode) => void
}

/** Options of a run whose batches are made of examples by a function of one's own. */
export type CollatedOptions<B> = TrainingOptions<B> & Required<Pick<TrainingOptions<B>, 'dataCollator'>>

/** Options that are settings of the optimizer. */
type OptimizerSettings = 'betas' | 'eps' | 'weightDecay'

/**
 * Options with every default filled in, but for callbacks, the loss and the signal; the optimizer's settings are with
 * it.
 */
export type ResolvedOptions = Readonly<
  Required<
    Omit<TrainingOptions, keyof RunHooks | keyof TransformersNames | 'optimizer' | 'schedule' | OptimizerSettings>
  >
> & {
  readonly optimizer: ResolvedOptimizer
  readonly schedule: ResolvedSchedule
}

/** What is not written down of a run. */
export interface RunHooks {
  readonly onWarning: TrainingOptions['onWarning'] | undefined
  readonly loss: TrainingLoss<unknown> | undefined
  readonly dataCollator: TrainingOptions<unknown>['dataCollator'] | undefined
  readonly signal: AbortSignal | undefined
}

const count = whole({ from: 1 })

/** A rule for each option of a run. */
export const trainingRules: OptionRules<TrainingOptions<unknown>> = {
  maxSteps: orNull(count),
  epochs: number({ above: 0, to: f32.largest }),
  batchSize: count,
  gradientAccumulationSteps: count,
  learningRate: number({ above: 0, to: f32.largest }),
  schedule: scheduleRule,
  warmup: warmupRule,
  optimizer: optimizerChoiceRule,
  betas: betasRule,
  eps: epsRule,
  weightDecay: weightDecayRule,
  maxGradNorm: number({ from: 0, to: f32.largest }),
  loraplusLrRatio: orNull(number({ above: 0, to: f32.largest })),
  loraplusLrEmbedding: number({ from: 0, to: f32.largest }),
  seed: whole(),
  dataSeed: orNull(whole()),
  loggingSteps: count,
  groupByLength: flag,
  gradientCheckpointing: flag,
  loss: callback(),
  dataCollator: callback(),
  disableDropout: flag,
  neftuneNoiseAlpha: orNull(number({ above: 0, to: f32.largest })),
  labelSmoothingFactor: number({ from: 0, to: 1 }),
  signal: abortSignal,
  onWarning: callback(),
  ...transformersRules,
}

/** What transformers and TRL call them. */
export const trainingAliases: Aliases<TrainingOptions<unknown>> = {
  lr: 'learningRate',
  numEpochs: 'epochs',
  steps: 'maxSteps',
  maxIters: 'maxSteps',
  trainBatchSize: 'batchSize',
  microBatchSize: 'batchSize',
  gradAccumSteps: 'gradientAccumulationSteps',
  accumulationSteps: 'gradientAccumulationSteps',
  lrScheduler: 'schedule',
  scheduler: 'schedule',
  epsilon: 'eps',
  clipGradNorm: 'maxGradNorm',
  gradientClipping: 'maxGradNorm',
  logSteps: 'loggingSteps',
  computeLossFunc: 'loss',
  lossFunction: 'loss',
  labelSmoothing: 'labelSmoothingFactor',
  useGradientCheckpointing: 'gradientCheckpointing',
}

/**
 * Reads options and fills in defaults; what comes of it cannot be written to.
 * @throws MedAwareError `config` for an unknown name or a value out of range; it names the option.
 */
export function trainingOptions(given: TrainingOptions<unknown>): {
  readonly options: ResolvedOptions
  readonly hooks: RunHooks
} {
  const {
    onWarning,
    loss,
    dataCollator,
    signal,
    optimizer: choice = 'adamw',
    schedule: course = 'linear',
    betas,
    eps,
    weightDecay,
    ...read
  } = inOurNames('TrainingRun', readOptions('TrainingRun', given, trainingRules, trainingAliases))
  const { labelSmoothingFactor = 0 } = read
  check(loss === undefined || labelSmoothingFactor === 0, 'config', () => {
    return `TrainingRun: labelSmoothingFactor ${labelSmoothingFactor} does nothing beside a loss of your own; leave it out`
  })
  const optimizer = resolveOptimizer('TrainingRun', choice, { betas, eps, weightDecay })
  const schedule = resolveSchedule('TrainingRun: schedule', course)
  return {
    options: Object.freeze({ ...optionDefaults, ...read, schedule, optimizer }),
    hooks: { onWarning, loss, dataCollator, signal },
  }
}

/** @throws MedAwareError `config` where batches come without `maxSteps`, or with an option that only examples heed. */
export function checkBatchOptions(options: ResolvedOptions): void {
  check(options.maxSteps !== null, 'config', () => {
    return 'TrainingRun: batches do not say how many they are; give maxSteps'
  })
  const idle = (['batchSize', 'epochs', 'groupByLength'] as const).find(
    (name) => options[name] !== optionDefaults[name],
  )
  check(idle === undefined, 'config', () => {
    return `TrainingRun: ${idle} does nothing where batches are given; they are taken as they come, until maxSteps`
  })
}

/** What each option is where nobody says; the optimizer's settings are with it. */
export const optionDefaults: Omit<ResolvedOptions, 'optimizer' | 'schedule'> = {
  maxSteps: null,
  epochs: 3,
  batchSize: 8,
  gradientAccumulationSteps: 1,
  learningRate: 2e-5,
  warmup: 0,
  maxGradNorm: 1,
  loraplusLrRatio: null,
  loraplusLrEmbedding: 1e-6,
  seed: 42,
  dataSeed: null,
  loggingSteps: 1,
  groupByLength: false,
  disableDropout: false,
  gradientCheckpointing: false,
  neftuneNoiseAlpha: null,
  labelSmoothingFactor: 0,
}
