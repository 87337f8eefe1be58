import { type ValueAndGrad, valueAndGrad } from '../autograd/value-and-grad.ts'
import { check } from '../core/errors.ts'
import { readArgument, type Rule, withMethods } from '../core/options.ts'
import { type CausalLm, modelRule } from '../models/causal-lm.ts'
import { collate, type Example, labelCount, readExamples } from '../models/example.ts'
import { seedDropout } from '../nn/dropout.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { createOptimizer } from '../optim/optimizers.ts'
import { type ParameterRun, parameterRuns } from '../optim/parameter-runs.ts'
import { schedule, type Schedule } from '../optim/schedules.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { claimModel, releaseModel } from './model-claims.ts'
import { epochBatches } from './order.ts'
import { identifyRun, type RunIdentity } from './run-identity.ts'
import { StepLog } from './step-log.ts'
import { type QueuedSteps, reportOf, type StepPlan, type StepReport, type TakenStep } from './step-report.ts'
import { trainingOptions, type ResolvedOptions, type TrainingOptions } from './training-options.ts'
import { TrainingWarnings } from './training-warnings.ts'

export type { StepReport }

/**
 * Fine-tuning as an async iterator: each turn is one optimiser step over `batchSize × gradientAccumulationSteps` examples,
 * their losses normalised by all their label tokens together. It prints nothing and can be left at any step; checkpoint.ts
 * saves it, and a run restored from that goes on bit for bit as if it had not stopped.
 *
 * With `loggingSteps` k above 1 the device is not waited for: reports come in groups of k, when the next k steps have been
 * queued. `step`, parameters and checkpoints are then ahead of the report, by 2k - 1 steps at most; they always belong
 * together. Who leaves the loop does not hear of the steps in between, which have been taken.
 */
export class TrainingRun implements AsyncIterable<StepReport> {
  /** Optimiser steps of the whole run. */
  readonly steps: number
  readonly optimizer: Optimizer
  readonly options: ResolvedOptions
  /** Those it was given; plain lists of ids are arrays here. */
  readonly examples: readonly Example[]
  readonly #schedule: Schedule
  readonly #warnings: TrainingWarnings
  readonly #labelCounts: readonly number[]
  #order: { epoch: number; batches: number[][] } | null = null
  #identity: Promise<RunIdentity> | null = null

  /**
   * @param examples Those without any label are refused, since they would only dilute the rest.
   * @throws MedAwareError `config` for no examples, what is none of this model's vocabulary, no trainable parameters or senseless
   * options; `shape` when labels and ids differ in number; `device` for a model that was disposed of; `memory`.
   */
  constructor(
    readonly model: CausalLm,
    examples: readonly Example[],
    options: TrainingOptions = {},
  ) {
    const { options: resolved, onWarning } = trainingOptions(options)
    this.options = resolved
    readArgument('TrainingRun', 'model', model, modelRule)
    this.examples = Object.freeze(readExamples('TrainingRun', examples, model.vocabSize))
    check(examples.length > 0, 'config', () => 'TrainingRun: there is no example to train on')
    this.#labelCounts = this.examples.map(labelCount)
    const empty = this.#labelCounts.indexOf(0)
    check(
      empty < 0,
      'config',
      () =>
        `TrainingRun: example ${empty} has no label to learn from; drop examples whose prompt fills the whole length`,
    )
    const parameters = model.trainableParameters()
    check(
      parameters.length > 0,
      'config',
      () => 'TrainingRun: the model has no trainable parameter; attach an adapter first',
    )
    const { maxSteps, epochs, schedule: shape, warmup } = this.options
    this.steps = maxSteps ?? Math.ceil(this.stepsPerEpoch * epochs)
    check(Number.isSafeInteger(this.steps), 'config', () => `TrainingRun: epochs ${epochs} are too many to count`)
    this.#schedule = schedule(shape, this.steps, warmup)
    this.#warnings = new TrainingWarnings(this, this.#schedule, onWarning)
    const noDecay = new Set(parameters.filter(({ shape }) => shape.length < 2))
    this.optimizer = createOptimizer('TrainingRun', this.options.optimizer, parameters, { noDecay })
    Object.freeze(this)
  }

  /** Optimiser steps in one pass over the examples. */
  get stepsPerEpoch(): number {
    const { batchSize, gradientAccumulationSteps } = this.options
    return Math.ceil(Math.ceil(this.examples.length / batchSize) / gradientAccumulationSteps)
  }

  /** Steps done so far, or at least queued: what a checkpoint is saved of. */
  get step(): number {
    return this.optimizer.steps
  }

  /**
   * Trains on from the step it is at to the end of the run.
   * @throws MedAwareError `numeric` on NaN or zero gradients, in the place of that step's report. A step that is not finite
   * changes no parameter; those queued behind it have been taken. `config` while this or another run of the model is iterated.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<StepReport> {
    const release = claimModel(this.model, this)
    const watch = this.#warnings.watch()
    const recent: { tokens: number; seconds: number }[] = []
    const { gradientCheckpointing } = this.model
    this.model.gradientCheckpointing ||= this.options.gradientCheckpointing
    this.model.train(true)
    try {
      await this.#prepare()
      for await (const report of this.#takeSteps()) {
        watch(report)
        recent.push(report)
        if (recent.length > 20) recent.shift()
        const sum = (key: 'tokens' | 'seconds') => recent.reduce((total, each) => total + each[key], 0)
        const secondsLeft = ((this.steps - report.step) * sum('seconds')) / recent.length
        yield { ...report, tokensPerSecond: sum('tokens') / sum('seconds'), secondsLeft }
      }
    } finally {
      this.model.train(false)
      this.model.gradientCheckpointing = gradientCheckpointing
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

  /** Frees the optimiser's state. */
  dispose(): void {
    releaseModel(this.model, this)
    this.optimizer.dispose()
  }

  /** Lets the device choose its programs by a step like the next one. Nothing changes by it: `prepare` only rehearses. */
  async #prepare(): Promise<void> {
    const { optimizer, options } = this
    const { memory } = this.model.device
    const { steps } = optimizer
    if (steps >= this.steps) return
    await this.model.device.prepare(() =>
      memory.scoped(() => {
        const { grads } = this.#accumulate(this.#microBatches(steps), 1, steps)
        try {
          optimizer.step(grads, options.learningRate, options.maxGradNorm)
        } finally {
          optimizer.steps = steps
        }
      }),
    )
  }

  async *#takeSteps(): AsyncGenerator<TakenStep> {
    const { loggingSteps } = this.options
    const log = new StepLog(this.model.device, loggingSteps)
    let queued: QueuedSteps | null = null
    try {
      while (this.step < this.steps) {
        const next = await this.#queueSteps(log, loggingSteps)
        if (loggingSteps === 1) {
          await this.model.device.settle()
          yield* reportOf(next)
        } else {
          if (queued !== null) yield* reportOf(queued)
          queued = next
        }
      }
      if (queued !== null) yield* reportOf(queued)
    } finally {
      await log.dispose()
    }
  }

  /** Queues some steps, and the reading of what they come to. */
  async #queueSteps(log: StepLog, most: number): Promise<QueuedSteps> {
    const started = performance.now()
    const plans = [this.#queueStep(log)]
    while (plans.length < most && this.step < this.steps) {
      // Signals, and what has been read, are heard between two steps.
      await new Promise((resolve) => setTimeout(resolve))
      plans.push(this.#queueStep(log))
    }
    return { plans, numbers: log.read(), started }
  }

  /** Queues a step, and notes what it will have come to. */
  #queueStep(log: StepLog): StepPlan {
    const { learningRate: peak, maxGradNorm } = this.options
    const index = this.step
    const micro = this.#microBatches(index)
    const rows = micro.flat()
    const sum = (counts: (row: number) => number | undefined) => rows.reduce((all, row) => all + (counts(row) ?? 0), 0)
    const labelTokens = sum((row) => this.#labelCounts[row])
    const learningRate = peak * this.#schedule(index)
    this.model.device.memory.scoped(() => {
      const { loss, grads } = this.#accumulate(micro, labelTokens, index)
      log.note(loss, this.optimizer.step(grads, learningRate, maxGradNorm))
    })
    return {
      step: this.step,
      steps: this.steps,
      epoch: Math.floor(index / this.stepsPerEpoch),
      learningRate,
      tokens: sum((row) => this.examples[row]?.inputIds.length),
      labelTokens,
    }
  }

  #accumulate(micro: readonly (readonly number[])[], labelTokens: number, step: number): ValueAndGrad {
    const gradOf = valueAndGrad(this.model, ({ batch, labels }: ReturnType<typeof collate>) =>
      this.model.loss(batch, labels, labelTokens),
    )
    let total: ValueAndGrad | undefined
    for (const [i, rows] of micro.entries()) {
      seedDropout(this.model, this.options.seed, step, i)
      const share = gradOf(collate(rows.map((row) => this.examples[row] as Example)))
      if (total !== undefined) addShare(total, share)
      else total = share
    }
    if (total === undefined) throw new RangeError('TrainingRun: a step without examples')
    return total
  }

  #microBatches(index: number): number[][] {
    const { batchSize, gradientAccumulationSteps, seed, groupByLength } = this.options
    const epoch = Math.floor(index / this.stepsPerEpoch)
    if (this.#order?.epoch !== epoch) {
      const lengths = groupByLength ? this.examples.map(({ inputIds }) => inputIds.length) : undefined
      this.#order = { epoch, batches: epochBatches(this.examples.length, batchSize, seed, epoch, lengths) }
    }
    const begin = (index % this.stepsPerEpoch) * gradientAccumulationSteps
    return this.#order.batches.slice(begin, begin + gradientAccumulationSteps)
  }
}

/** A run that a caller gives. */
export const runRule: Rule<TrainingRun> = withMethods<TrainingRun>('a TrainingRun', ['identify', 'dispose'])

/** Adds a loss and gradients to others of the same parameters, and frees them. */
function addShare(total: ValueAndGrad, { loss, grads }: ValueAndGrad): void {
  addTo(total.loss, loss)
  const both = [...grads.keys()].filter((parameter) => total.grads.has(parameter))
  const runsOf = (of: ValueAndGrad['grads']) => {
    return parameterRuns(
      both.map((parameter) => of.get(parameter) as Tensor),
      () => true,
    )
  }
  // Gradients lie as their parameters do, so the runs of both are the same.
  const shares = runsOf(grads)
  for (const [i, { whole }] of runsOf(total.grads).entries()) addTo(whole, (shares[i] as ParameterRun).whole)
  for (const share of [loss, ...grads.values()]) share.dispose()
}

function addTo(target: Tensor, x: Tensor): void {
  target.device.run('accumulate', { x, target }, { count: x.count, alpha: 1 })
}
