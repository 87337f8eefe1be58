import type { JsonObject } from '../core/json.ts'
import type { RunStore } from '../io/runs/run-store.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { ResolvedOptions } from '../train/training-options.ts'
import type { StepReport } from '../train/training-run.ts'

/** What was measured on held-out data: numbers by name, such as `evalLoss`, after so many steps. */
export interface EvaluationEntry {
  readonly step: number
  readonly epoch: number
  readonly metrics: Readonly<Record<string, number>>
}

/** All that a run has reported, in order: what its logs, its report and its checkpoints hold. */
export interface LogHistory {
  readonly training: readonly StepReport[]
  readonly evaluation: readonly EvaluationEntry[]
}

/** The evaluation that was the best one so far, by `metricForBestModel`. */
export interface BestEvaluation {
  readonly step: number
  /** The metric's value. */
  readonly value: number
}

/** Where a training is: what a callback may look at. */
export interface TrainerContext {
  readonly model: CausalLm
  readonly options: ResolvedOptions
  /** Optimiser steps of the whole run. */
  readonly steps: number
  /** Steps done. */
  readonly step: number
  readonly history: LogHistory
  readonly best: BestEvaluation | null
  /** Where the run keeps its files; null where it keeps none. */
  readonly store: RunStore | null
  /** What the run is made of, as `run.json` has it. */
  readonly description: JsonObject
}

/** What a callback may ask for, each until it has been done: transformers' TrainerControl. */
export interface TrainerControl {
  /** End the training after this step, as if it were the last. */
  shouldTrainingStop: boolean
  /** Measure after this step. */
  shouldEvaluate: boolean
  /** Save a checkpoint after this step. */
  shouldSave: boolean
  /** Wait after this step, once it has been measured and saved where that is due, for every callback's `onPause`. */
  shouldPause: boolean
}

type Awaitable = void | Promise<void>

/**
 * What is told of a training as it goes, each method awaited before it goes on: transformers' TrainerCallback. A
 * control that is set in `onStepEnd` with `loggingSteps` above 1 is heeded where the device is waited for next.
 */
export interface TrainerCallback {
  /** Under which a checkpoint keeps its state. */
  readonly name: string
  /** Before the first step, after a checkpoint has been restored. */
  onTrainBegin?(context: TrainerContext): Awaitable
  /** After each step. */
  onStepEnd?(report: StepReport, context: TrainerContext, control: TrainerControl): Awaitable
  /** After an evaluation. */
  onEvaluate?(entry: EvaluationEntry, context: TrainerContext, control: TrainerControl): Awaitable
  /**
   * As an evaluation goes on, with how many held-out examples are done and how many there are. It is not awaited: the
   * examples that count may be fewer than was told at first, those without labels being passed over.
   */
  onPredictionStep?(done: number, total: number, context: TrainerContext): void
  /** Before a checkpoint is saved. */
  onSaveBegin?(step: number, context: TrainerContext): Awaitable
  /** After a checkpoint was saved. */
  onSave?(step: number, context: TrainerContext): Awaitable
  /**
   * After a step at which `shouldPause` was set: the training goes on when all of them are done, or when its signal is
   * aborted. Nothing is queued on the device meanwhile.
   */
  onPause?(context: TrainerContext): Awaitable
  /** Of what is odd but no reason to stop. */
  onWarning?(message: string): Awaitable
  /** After the last step, also where a signal or an error has ended the training. */
  onTrainEnd?(context: TrainerContext): Awaitable
  /** What a checkpoint is to keep of it, as JSON. Default nothing. */
  state?(): JsonObject
  /** Takes up what `state` gave, before `onTrainBegin`. @throws MedAwareError `format` for what is none. */
  restore?(state: JsonObject): void
}
