import { nextTurn } from '#platform'
import { check } from '../core/errors.ts'
import { number, readArgument, readOptions, type Rule, withMethods } from '../core/options.ts'
import { type CausalLm, modelRule } from '../models/causal-lm.ts'
import type { Example } from '../models/example.ts'
import type { Optimizer, StateTensor } from '../optim/optimizer.ts'
import { createOptimizer } from '../optim/optimizers.ts'
import type { MetricFollower, Schedule } from '../optim/schedules/schedule.ts'
import { schedule } from '../optim/schedules/schedules.ts'
import { AdapterTrainings } from './adapter-trainings.ts'
import type { Batches } from './batch-pass.ts'
import type { BatchSource, DataPosition } from './batch-source.ts'
import type { LabelledBatch } from './labelled-batch.ts'
import { GradientWatch } from './gradient-watch.ts'
import { claimModel, releaseModel } from './model-claims.ts'
import { openSource } from './open-source.ts'
import { parameterRates } from './step/parameter-rates.ts'
import { identifyRun, type RunIdentity } from './run-identity.ts'
import { RunPace } from './run-pace.ts'
import { StepLog } from './step/step-log.ts'
import { type QueuedSteps, reportOf, type StepPlan, type StepReport, type TakenStep } from './step-report.ts'
import {
  type CollatedOptions,
  trainingOptions,
  type ResolvedOptions,
  type TrainingOptions,
} from './training-options.ts'
import { never, type PauseAt, trainRules, type TrainOptions } from './step/train-options.ts'
import { checkNoise, type Step, StepTaker } from './step/training-step.ts'
import type { LossSettings } from './training-loss.ts'
import { TrainingWarnings } from './training-warnings.ts'

export type { StepReport, TrainOptions }

/**
 * Fine-tuning as an async iterator: each turn is one optimiser step over `gradientAccumulationSteps` batches, their
 * losses normalised by all their label tokens together. Between two batches the event loop turns, so that timers,
 * messages and signals are heard. It prints nothing and can be left at any step; checkpoint.ts saves it, and a run
 * restored from that goes on bit for bit as if it had not stopped.
 *
 * With `loggingSteps` k above 1 the device is not waited for: reports come in groups of k, when the next k steps have
 * been queued. `step`, parameters and checkpoints are then ahead of the report, by 2k - 1 steps at most; they always
 * belong together. Who leaves the loop does not hear of the steps in between, which have been taken; who ends it by a
 * signal does.
 */
export class TrainingRun<B = LabelledBatch> implements AsyncIterable<StepReport> {
  /** Optimiser steps of the whole run. */
  readonly steps: number
  /**
   * Optimiser steps in one pass over the examples; Infinity for batches, whose number only going through them tells.
   */
  readonly stepsPerEpoch: number
  readonly optimizer: Optimizer
  readonly options: ResolvedOptions
  /** Those it was given; plain lists of ids are arrays here. None for batches. */
  readonly examples: readonly Example[]
  /**
   * What its loss is in the place of the model's own: its settings, or 'own' where it says none; null for the model's.
   */
  readonly lossSettings: LossSettings | 'own' | null
  /** Whether its batches are made of examples by a function that it was given. */
  readonly hasOwnCollator: boolean
  readonly #source: BatchSource
  readonly #trainings: AdapterTrainings
  readonly #taker: StepTaker
  readonly #signal: AbortSignal | undefined
  readonly #schedule: Schedule
  readonly #warnings: TrainingWarnings
  readonly #watch: GradientWatch | null
  #identity: Promise<RunIdentity> | null = null

  /**
   * @param data Examples, which are shuffled, batched and padded; those without any label are refused, since they would
   * only dilute the rest. Or batches as they come: an iterable, or a function that opens one for each pass,
   * `(epoch) => …`, which several passes and going on in another program need. A checkpoint says how many to pass over,
   * and knows their ids and labels again; what else a batch holds is not checked.
   * @throws MedAwareError `config` for no examples, what is none of this model's vocabulary, batches without
   * `maxSteps`, no trainable parameters or senseless options; `shape` when labels and ids differ in number; `device`
   * for a model that was disposed of; `memory`.
   */
  constructor(model: CausalLm, data: readonly Example[], options?: TrainingOptions)
  constructor(model: CausalLm, data: Batches<B>, options: TrainingOptions<B>)
  constructor(model: CausalLm, data: readonly Example[], options: CollatedOptions<B>)
  constructor(
    readonly model: CausalLm,
    data: readonly Example[] | Batches<B>,
    given: TrainingOptions | TrainingOptions<B> = {},
  ) {
    const { options, hooks } = trainingOptions(given)
    this.options = options
    readArgument('TrainingRun', 'model', model, modelRule)
    const { source, examples } = openSource(data, options, model, hooks.dataCollator)
    this.examples = examples
    this.#source = source
    this.stepsPerEpoch = source.stepsPerEpoch
    const parameters = model.trainableParameters()
    check(
      parameters.length > 0,
      'config',
      () => 'TrainingRun: the model has no trainable parameter; attach an adapter first',
    )
    const { maxSteps, epochs, schedule: shape, warmup, learningRate } = options
    checkNoise(model, options)
    this.steps = maxSteps ?? Math.ceil(this.stepsPerEpoch * epochs)
    check(Number.isSafeInteger(this.steps), 'config', () => `TrainingRun: epochs ${epochs} are too many to count`)
    this.#schedule = schedule(shape, this.steps, warmup, learningRate)
    this.#warnings = new TrainingWarnings(this, this.#schedule, hooks.onWarning)
    this.#trainings = new AdapterTrainings(model, {
      who: 'TrainingRun',
      steps: this.steps,
      onWarning: (message) => hooks.onWarning?.(`TrainingRun: ${message}`, 'adapter-schedule'),
    })
    try {
      this.optimizer = createOptimizer('TrainingRun', options.optimizer, parameters, parameterRates(model, options))
    } catch (error) {
      this.#trainings.dispose()
      throw error
    }
    const [optimizer, trainings] = [this.optimizer, this.#trainings]
    const isHeard = hooks.onWarning !== undefined
    const tell = (layers: readonly string[], seen: number) => this.#warnings.layersWithout(layers, seen)
    this.#watch = isHeard ? new GradientWatch(model, this.steps, tell) : null
    const watch = this.#watch
    this.#taker = new StepTaker({ ...options, model, optimizer, trainings, watch, loss: hooks.loss })
    this.lossSettings = hooks.loss === undefined ? null : (hooks.loss.settings ?? 'own')
    this.hasOwnCollator = hooks.dataCollator !== undefined
    this.#signal = hooks.signal
    Object.freeze(this)
  }

  /** Steps done so far, or at least queued: what a checkpoint is saved of. */
  get step(): number {
    return this.optimizer.steps
  }

  /**
   * Where the next step's batches begin, for checkpoints; null where they are examples, which its number alone says.
   */
  get position(): DataPosition | null {
    return this.#source.positionAt(this.step)
  }

  /** For checkpoints: all that is kept from step to step beside parameters. */
  state(): readonly StateTensor[] {
    return [...this.optimizer.state(), ...this.#trainings.state()]
  }

  /** For checkpoints: what of the schedule heeds evaluations; null for one that follows the step alone. */
  get follower(): MetricFollower | null {
    return this.#schedule.follower ?? null
  }

  /**
   * Tells the schedule an evaluation's metric, such as its loss: reduce_lr_on_plateau changes the rate of the steps
   * that are not queued yet by it, others do not heed it.
   * @throws MedAwareError `config` unless it is a finite number.
   */
  observe(metric: number): void {
    this.follower?.observe(readArgument('TrainingRun', 'metric', metric, number()))
  }

  /**
   * For checkpoints: goes on from another step, whose state has been written, and whose batches begin at `position`, or
   * at the first one of all.
   */
  async goTo(step: number, position: DataPosition | null): Promise<void> {
    this.optimizer.steps = step
    this.#source.seek(step, position)
    await this.#trainings.restored()
  }

  /** As `train` with the run's own signal. */
  [Symbol.asyncIterator](): AsyncGenerator<StepReport> {
    return this.train()
  }

  /**
   * Trains on from the step it is at to the end of the run.
   * @throws MedAwareError `numeric` on NaN or zero gradients, in the place of that step's report. A step that is not
   * finite changes no parameter; those queued behind it have been taken. `config` while this or another run of the
   * model is iterated, when batches end and cannot be opened again, and for a loss that is no f32 [1] of the trained
   * parameters; what going through the batches throws; and whatever `signal` is aborted with.
   */
  async *train(options: TrainOptions = {}): AsyncGenerator<StepReport> {
    const { signal = this.#signal, pauseAt = never } = readOptions('TrainingRun.train', options, trainRules)
    const release = claimModel(this.model, this)
    const watch = this.#warnings.watch()
    const pace = new RunPace(this.steps)
    const { gradientCheckpointing } = this.model
    this.model.gradientCheckpointing ||= this.options.gradientCheckpointing
    this.model.train(true)
    try {
      if (signal?.aborted !== true) await this.#prepare(signal)
      for await (const taken of this.#takeSteps(signal, pauseAt)) {
        watch(taken)
        yield pace.report(taken)
      }
    } finally {
      this.model.train(false)
      this.model.gradientCheckpointing = gradientCheckpointing
      if (this.options.neftuneNoiseAlpha !== null) this.model.embeddingNoise = null
      release()
    }
  }

  /** What its numbers come from, for checkpoints: looked at once, since nothing of it changes. */
  identify(): Promise<RunIdentity> {
    return (this.#identity ??= identifyRun(this.model, this.examples).catch((error: unknown) => {
      this.#identity = null
      throw error
    }))
  }

  /** Frees the optimiser's state, and lets go of the batches. */
  dispose(): void {
    releaseModel(this.model, this)
    this.#source.close()
    this.#trainings.dispose()
    this.#watch?.dispose()
    this.optimizer.dispose()
  }

  /**
   * Lets the device choose its programs by a step like the next one. Nothing changes by it: `prepare` only rehearses.
   */
  async #prepare(signal: AbortSignal | undefined): Promise<void> {
    const step = await this.#nextStep(signal)
    if (step !== null) await this.model.device.prepare(() => this.#taker.rehearse(step))
  }

  async *#takeSteps(signal: AbortSignal | undefined, pauseAt: PauseAt): AsyncGenerator<TakenStep> {
    const { loggingSteps } = this.options
    const log = new StepLog(this.model.device, loggingSteps)
    let queued: QueuedSteps | null = null
    try {
      while (this.step < this.steps && signal?.aborted !== true) {
        const next = await this.#queueSteps(log, signal, pauseAt)
        if (loggingSteps === 1) {
          await this.model.device.settle()
          yield* reportOf(next)
        } else {
          if (queued !== null) yield* reportOf(queued)
          queued = next
          if (!pauseAt(this.step)) continue
          yield* reportOf(queued)
          queued = null
        }
      }
      if (queued !== null) yield* reportOf(queued)
      if (this.step < this.steps) signal?.throwIfAborted()
    } finally {
      await log.dispose()
    }
  }

  /** Queues some steps, fewer when `signal` is aborted, and the reading of what they come to. */
  async #queueSteps(log: StepLog, signal: AbortSignal | undefined, pauseAt: PauseAt): Promise<QueuedSteps> {
    const started = performance.now()
    const plans: StepPlan[] = []
    const diagnoses: (() => Promise<string>)[] = []
    while (plans.length < this.options.loggingSteps) {
      // Signals, and what has been read, are heard between two steps.
      if (plans.length > 0) await nextTurn()
      const step = await this.#nextStep(signal)
      if (step === null || !(await this.#taker.take(step, (...told) => log.note(...told), signal))) break
      const { epoch, learningRate, tokens, labelTokens } = step
      diagnoses.push(() => this.#taker.diagnose(step))
      plans.push({ step: this.step, steps: this.steps, epoch, learningRate, tokens, labelTokens })
      if (pauseAt(this.step)) break
    }
    return { plans, numbers: log.read(), started, diagnoses }
  }

  /**
   * What the next step is made of; null at the end of the run, or when `signal` is aborted before its batches have
   * come.
   */
  async #nextStep(signal: AbortSignal | undefined): Promise<Step | null> {
    const { step: index } = this
    if (index >= this.steps) return null
    const batches = await this.#source.take(index, signal)
    return batches && { ...batches, index, learningRate: this.options.learningRate * this.#schedule(index) }
  }
}

/** A run that a caller gives. */
export const runRule: Rule<TrainingRun> = withMethods<TrainingRun>('a TrainingRun', ['identify', 'dispose'])
