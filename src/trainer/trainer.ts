import { MedAwareError } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { keepCard } from '../io/card-file.ts'
import { runStore } from '../io/runs/run-store.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { Example } from '../models/example.ts'
import { type Adapter, adapterSetOf } from '../peft/adapter.ts'
import { type CardContent, joinContent } from '../peft/card/card-content.ts'
import { adapterFiles } from '../peft/files/adapter-files.ts'
import type { Batches } from '../train/batch-pass.ts'
import type { LabelledBatch } from '../train/labelled-batch.ts'
import type { TrainingOptions, TrainingWarningCode } from '../train/training-options.ts'
import { type StepReport, TrainingRun } from '../train/training-run.ts'
import { measure, type Measuring } from './measure.ts'
import { describeTraining } from './run-description.ts'
import { RunFolder, type SavedTraining, withRemedy } from './run-folder.ts'
import type { Sampler } from './report/samples.ts'
import { meanLoss, type TrainResult } from './train-result.ts'
import { trainingCard } from './training-card.ts'
import { putTrainedWeights, trainedWeights } from './trained-weights.ts'
import type { EvaluationEntry, TrainerCallback, TrainerContext, TrainerControl } from './trainer-callback.ts'
import {
  intervalOf,
  type IntervalStrategy,
  type ResolvedTrainerOptions,
  type TrainerOptions,
  trainerOptions,
} from './trainer-options.ts'
import { TrainerState } from './trainer-state.ts'
import { watchersOf } from './watchers.ts'

export type { TrainResult }

/**
 * Trains a model as transformers' Trainer and TRL's SFTTrainer do: a `TrainingRun`, gone through to its end, with
 * evaluations, checkpoints, the best weights kept, and callbacks. Whatever ends the program, `resumeFromCheckpoint`
 * goes on bit for bit as if it had not ended.
 */
export class Trainer<B = LabelledBatch> {
  /** The steps, one after another. */
  readonly run: TrainingRun<B>
  readonly state: TrainerState
  readonly #own: ResolvedTrainerOptions
  readonly #folder: RunFolder | null
  readonly #adapter: Adapter | null
  readonly #callbacks: readonly TrainerCallback[]
  readonly #sampler: Sampler | null
  readonly #control: TrainerControl = {
    ...{ shouldTrainingStop: false, shouldEvaluate: false, shouldSave: false, shouldPause: false },
  }
  readonly #saved: SavedTraining<B>
  readonly #signal: AbortSignal | undefined
  /** What evaluations are measured with. */
  readonly #learned: Pick<Measuring, 'loss' | 'dataCollator'>
  readonly #onWarning: TrainerOptions['onWarning']
  #description: TrainerContext['description'] = {}
  #isBestLoaded = false

  /**
   * @param model With an adapter on it, or trained whole.
   * @param data As `TrainingRun` takes it.
   * @throws MedAwareError as `TrainingRun`; `config` for senseless options.
   */
  constructor(model: CausalLm, data: readonly Example[], options?: TrainerOptions)
  constructor(model: CausalLm, data: Batches<B>, options: TrainerOptions<B>)
  constructor(
    readonly model: CausalLm,
    data: readonly Example[] | Batches<B>,
    options: TrainerOptions | TrainerOptions<B> = {},
  ) {
    const { run, own } = trainerOptions('Trainer', options as TrainerOptions<B>)
    const { outputDir, metricForBestModel: metric, greaterIsBetter: isGreaterBetter } = own
    this.#own = own
    this.#folder = outputDir === null ? null : new RunFolder(runStore('Trainer', outputDir))
    this.#adapter = adapterOf(model)
    this.state = new TrainerState({ metric, isGreaterBetter, threshold: own.earlyStoppingThreshold })
    // Logs first: what another callback stops at is in them.
    const watchers = watchersOf(own, run.signal, (message) => this.#warn(`Trainer: ${message}`))
    this.#callbacks = [...watchers.callbacks, ...own.callbacks]
    this.#sampler = watchers.sampler
    const { onWarning, signal } = run
    this.#signal = signal
    this.#onWarning = onWarning
    const told: TrainingOptions<B> = {
      ...run,
      onWarning: (message, code) => {
        this.#warn(message, code)
      },
    }
    this.run = new TrainingRun<B>(model, data as Batches<B>, told)
    const { loss, dataCollator } = this.run.examples.length > 0 ? run : {}
    this.#learned = { loss, dataCollator }
    this.#saved = { run: this.run, state: this.state, callbacks: this.#callbacks, best: null }
  }

  /** Where the training is. */
  get context(): TrainerContext {
    const { model, run, state } = this
    const store = this.#folder?.store ?? null
    const { options, steps, step } = run
    return { model, options, steps, step, history: state, best: state.best, store, description: this.#description }
  }

  /** What the adapter's card says now: `trainingCard`, of the best weights where they were put back, and `card`. */
  get card(): CardContent {
    const step = this.#isBestLoaded ? this.state.best?.step : undefined
    return joinContent(trainingCard(this.run, this.state, step === undefined ? {} : { step }), this.#own.card ?? {})
  }

  /**
   * Trains to the end, to where a callback stops it, or until the run's `signal` is aborted: then a checkpoint is saved
   * first, where there is an `outputDir`, and the signal's reason thrown.
   * @throws MedAwareError as `TrainingRun.train` and `restoreCheckpoint`, with what to go on from; `disk`; `config` for
   * an `outputDir` that has another run.
   */
  async train(): Promise<TrainResult> {
    await this.#begin()
    try {
      if (this.run.step < this.run.steps && !this.#isStalled) await this.#goThrough()
      return await this.#end()
    } catch (error) {
      await this.#saveStopped(error)
      throw await withRemedy(error, this.#folder)
    } finally {
      await this.#tell((callback) => callback.onTrainEnd?.(this.context))
    }
  }

  /**
   * Measures on the held-out examples now, by the loss that the run learns. As in transformers labels are smoothed as
   * the run's are; all tokens weigh alike, where transformers takes the mean of its batches' means. A run over batches
   * is measured by the model's own loss, for nobody says how its batches are made of examples.
   * @throws MedAwareError as `evaluateLoss`, and as the loss.
   */
  async evaluate(): Promise<EvaluationEntry> {
    const { evalDataset, evalBatchSize: batchSize } = this.#own
    const { step, stepsPerEpoch, options } = this.run
    const { labelSmoothingFactor } = options
    const onProgress = (done: number, total: number) => {
      for (const callback of this.#callbacks) callback.onPredictionStep?.(done, total, this.context)
    }
    const told = { batchSize, labelSmoothingFactor, step, onProgress, signal: this.#signal }
    const metrics = await measure(this.model, evalDataset ?? [], { ...this.#learned, ...told })
    return { step, epoch: step / stepsPerEpoch, metrics }
  }

  /** Frees what the run holds; the model stays as it is. */
  dispose(): void {
    this.run.dispose()
  }

  async #begin(): Promise<void> {
    const { resumeFromCheckpoint: from, acceptDifferences, evalOnStart } = this.#own
    const folder = this.#folder
    if (folder !== null && this.run.step === 0) {
      const onWarning = (message: string) => this.#warn(`Trainer: ${message}`)
      if (from === false) await folder.checkFresh()
      else await folder.resume(this.#saved, { from, acceptDifferences, onWarning })
    }
    this.#description = await describeTraining(this.run, this.#own, this.#adapter)
    await folder?.store.write('', new Map([['run.json', `${JSON.stringify(this.#description, null, 2)}\n`]]))
    await this.#tell((callback) => callback.onTrainBegin?.(this.context))
    // A signal may have ended the last measurement, whose step was saved.
    const { step } = this.run
    const isDue = step === 0 ? evalOnStart : this.#isEvaluationDue(step)
    if (isDue && this.state.evaluation.at(-1)?.step !== step) await this.#measure()
  }

  async #goThrough(): Promise<void> {
    const { run } = this
    const isLast = (step: number) => step === run.steps
    const isDue = (step: number) => this.#isEvaluationDue(step) || this.#isSaveDue(step) || isLast(step)
    for await (const report of run.train({ pauseAt: (step) => isDue(step) || this.#isAsked })) {
      this.state.training.push(report)
      await this.#tell((callback) => callback.onStepEnd?.(report, this.context, this.#control))
      // Reports come in groups: what belongs to a step is done where no step is queued behind it.
      if (run.step !== report.step) continue
      await this.#afterStep(report)
      if (this.#control.shouldTrainingStop) return
    }
  }

  /** Whether early stopping has stopped it, also before it was gone on with. */
  get #isStalled(): boolean {
    const { earlyStoppingPatience: patience } = this.#own
    return patience !== null && this.state.stalled >= patience
  }

  get #isAsked(): boolean {
    const { shouldTrainingStop, shouldEvaluate, shouldSave, shouldPause } = this.#control
    return shouldTrainingStop || shouldEvaluate || shouldSave || shouldPause
  }

  async #afterStep({ step }: StepReport): Promise<void> {
    const control = this.#control
    const isLast = step === this.run.steps
    const measures = this.#own.evalStrategy !== 'no' && isLast && this.state.evaluation.at(-1)?.step !== step
    if (this.#isEvaluationDue(step) || measures || control.shouldEvaluate) await this.#measure()
    if (this.#isStalled) control.shouldTrainingStop = true
    if (this.#isSaveDue(step) || isLast || control.shouldSave || control.shouldTrainingStop) await this.#save()
    const pauses = control.shouldPause && !isLast && !control.shouldTrainingStop
    control.shouldEvaluate = control.shouldSave = control.shouldPause = false
    if (pauses)
      await unlessAborted(
        this.#tell((callback) => callback.onPause?.(this.context)),
        this.#signal,
      )
  }

  async #measure(): Promise<void> {
    if (this.#own.evalDataset === null) return
    const entry = await this.evaluate()
    if (this.state.note(entry)) this.#saved.best = await trainedWeights(this.model)
    const metric = entry.metrics[this.#own.metricForBestModel]
    if (metric !== undefined) this.run.observe(metric)
    await this.#tell((callback) => callback.onEvaluate?.(entry, this.context, this.#control))
  }

  async #save(): Promise<void> {
    const { saveTotalLimit, saveStrategy } = this.#own
    if (this.#folder === null || saveStrategy === 'no') return
    await this.#tell((callback) => callback.onSaveBegin?.(this.run.step, this.context))
    try {
      await this.#folder.save(this.#saved, await this.#adapterFiles())
    } catch (error) {
      // A full disk may have room again by the next time; what is trained is worth more than ending here.
      const isLast = this.run.step === this.run.steps || this.#signal?.aborted === true
      if (isLast || !(error instanceof MedAwareError) || error.code !== 'disk') throw error
      this.#warn(`Trainer: step ${this.run.step} could not be saved: ${error.message}`)
      return
    }
    if (saveTotalLimit !== null) await this.#folder.checkpoints.rotate(saveTotalLimit, new Set([this.run.step]))
    await this.#tell((callback) => callback.onSave?.(this.run.step, this.context))
  }

  /** What a signal ended can go on, so that it is saved; after an error the run is not what it should be. */
  async #saveStopped(error: unknown): Promise<void> {
    if (this.#signal?.aborted !== true || error !== this.#signal.reason) return
    if ((await this.#folder?.checkpoints.steps())?.includes(this.run.step) !== true) await this.#save()
  }

  async #end(): Promise<TrainResult> {
    const { state, run } = this
    const [best, file] = [state.best, this.#saved.best]
    const isLoaded = (this.#isBestLoaded = this.#own.loadBestModelAtEnd && best !== null && file !== null)
    if (isLoaded) await putTrainedWeights('Trainer', this.model, file)
    if (this.#folder !== null && this.#adapter !== null) {
      const { store } = this.#folder
      await store.write('', await keepCard(store.open(), await this.#adapterFiles(), (message) => this.#warn(message)))
    }
    await this.#sampler?.askTrained(this.model)
    const measured = isLoaded ? state.evaluation.find(({ step }) => step === best.step) : state.evaluation.at(-1)
    return {
      ...{ step: run.step, steps: run.steps, trainLoss: meanLoss(state.training, run.lossSettings !== null) },
      metrics: measured?.metrics ?? null,
      best: best && { ...best, isLoaded },
      isStopped: run.step < run.steps,
      samples: this.#sampler?.samples() ?? [],
    }
  }

  async #adapterFiles(): Promise<ReadonlyMap<string, Uint8Array | string>> {
    if (this.#adapter === null) return new Map()
    const onWarning = (message: string) => this.#warn(message)
    return adapterFiles(this.#adapter, { ...this.card, convertToPlainLora: 'auto', onWarning })
  }

  #isEvaluationDue(step: number): boolean {
    return this.#isDue(this.#own.evalStrategy, this.#own.evalSteps, step)
  }

  #isSaveDue(step: number): boolean {
    return this.#isDue(this.#own.saveStrategy, this.#own.saveSteps, step)
  }

  #isDue(strategy: IntervalStrategy, given: number, step: number): boolean {
    if (strategy === 'no') return false
    return step % (strategy === 'epoch' ? this.run.stepsPerEpoch : intervalOf(given, this.run.steps)) === 0
  }

  #warn(message: string, code: TrainingWarningCode | 'run-folder' = 'run-folder'): void {
    this.#onWarning?.(message, code)
    for (const callback of this.#callbacks) void callback.onWarning?.(message)
  }

  async #tell(say: (callback: TrainerCallback) => void | Promise<void>): Promise<void> {
    for (const callback of this.#callbacks) await say(callback)
  }
}

/** The adapter that a model trains; null where there is none. */
export function adapterOf(model: CausalLm): Adapter | null {
  const members = [...(adapterSetOf(model)?.members.values() ?? [])]
  return members.find(({ isTrainable }) => isTrainable) ?? members[0] ?? null
}
