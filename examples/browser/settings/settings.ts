import type { TrainingOptions } from 'peft-medaware'
import type { AnyConfig } from 'peft-medaware/worker'
import { type MethodName, methodOf } from './methods.ts'

/** How to train. */
export interface Settings {
  readonly method: MethodName
  /** Rank of the update, where the method has one. */
  readonly rank: number
  readonly loraAlpha: number
  readonly loraDropout: number
  /** PEFT's choice for the architecture, or every linear layer but the head. */
  readonly targetModules: 'attention' | 'all-linear'
  /** Whether `steps` or `epochs` says where the run ends. */
  readonly duration: 'steps' | 'epochs'
  /** Optimizer steps. */
  readonly steps: number
  /** Passes over the questions. */
  readonly epochs: number
  /** Questions of a forward pass. */
  readonly batchSize: number
  /** Forward passes of an optimizer step. */
  readonly gradientAccumulationSteps: number
  /** The highest one of the run. */
  readonly learningRate: number
  /** Whether activations are computed anew on the way back: less memory, more time, the same result. */
  readonly gradientCheckpointing: 'off' | 'on'
  readonly schedule: 'cosine' | 'linear' | 'constant'
  /** Share of the steps in which the rate rises to its height. */
  readonly warmup: number
  /** Tokens of a question and its answer. */
  readonly maxLength: number
  readonly seed: number
  /** Share of the questions that are measured on and not learned from. */
  readonly heldOutShare: number
  /** Steps between two measurements. */
  readonly evalSteps: number
}

/** What the library is told: the adapter for `attachAdapter`, and the options of a `TrainingRun`. */
export function libraryOptionsOf(settings: Settings): { adapter: AnyConfig; training: TrainingOptions } {
  const { duration, steps, epochs, batchSize, gradientAccumulationSteps } = settings
  const { learningRate, schedule, warmup, seed } = settings
  return {
    adapter: methodOf(settings.method).config(settings),
    training: {
      ...(duration === 'steps' ? { maxSteps: steps } : { epochs }),
      ...{ batchSize, gradientAccumulationSteps, learningRate, schedule, warmup, seed },
      gradientCheckpointing: settings.gradientCheckpointing === 'on',
      groupByLength: true,
    },
  }
}
