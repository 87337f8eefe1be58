import type { CardContent, Example, FilePiece, LogHistory, LossReport, StepReport } from 'peft-medaware'
import type { ModelWorker, WorkerAdapter, WorkerMemory, WorkerModel, WorkerRun } from 'peft-medaware/worker'
import { Asking } from './asking.ts'
import { preparePairs, type Preparing } from './data/prepare-pairs.ts'
import type { Pair, RunData } from './pairs.ts'
import { libraryOptionsOf, type Settings } from './settings/settings.ts'

/** The model as it was, or with what it has learned. */
export type Side = 'before' | 'after'

/** What a run was begun with. */
export interface Begun {
  readonly examples: number
  readonly heldOut: number
  /** Examples of which something is cut off. */
  readonly truncated: number
  /** Weights that are trained. */
  readonly trainable: number
  /** Bytes that the model and a step take at most. */
  readonly planned: number
}

/** How an answer is written. */
export interface AnswerOptions {
  readonly signal: AbortSignal
  /** What was said before, oldest first. Default nothing. */
  readonly past?: readonly Pair[]
  /** 0 for the likeliest word each time. Default 0. */
  readonly temperature?: number
  /** Same seed, same answer. Default 0. */
  readonly seed?: number
  /** Default 96. */
  readonly maxNewTokens?: number
}

/** How every model is kept on the engine. */
export const quantize = { type: 'nf4', doubleQuant: true } as const

/** One engine, one model in 4 bits, and the adapter it is learning, all of it in a worker: the page stays free. */
export class Session {
  readonly #worker: ModelWorker
  readonly #model: WorkerModel
  readonly #asking: Asking
  readonly #source: string | readonly File[] | null
  #adapter: WorkerAdapter | null = null
  #run: WorkerRun | null = null
  #heldOut: readonly Example[] = []
  #tooLong: readonly Pair[] = []
  #batchSize = 1
  #step = 0

  /**
   * @param name Of the model. @param source Where it came from, whose tokenizer goes into the files of a merged model;
   * null where nobody knows.
   */
  constructor(
    readonly name: string,
    worker: ModelWorker,
    model: WorkerModel,
    source: string | readonly File[] | null = null,
  ) {
    this.#worker = worker
    this.#model = model
    this.#asking = new Asking(model)
    this.#source = source
  }

  /** What it runs on. */
  get description(): string {
    return this.#worker.device.description
  }

  /** Why there. */
  get reason(): string {
    return this.#worker.device.reason
  }

  get parameters(): number {
    return this.#model.storage.parameters
  }

  /** Of the model, on the device. */
  get bytes(): number {
    return this.#model.storage.bytes
  }

  /**
   * Puts a fresh adapter on the model.
   * @throws MedAwareError for settings or pairs that cannot be trained on; the signal's reason.
   */
  async begin(
    data: RunData,
    settings: Settings,
    onWarning: (message: string) => void,
    preparing: Preparing = {},
  ): Promise<Begun> {
    await this.#forget()
    const { config } = this.#model
    const { batchSize, gradientAccumulationSteps, seed } = settings
    const length = Math.min(settings.maxLength, config.maxPositionEmbeddings)
    const prepare = (pairs: readonly Pair[]) => this.#asking.examplesOf(pairs, length)
    const { examples, truncated, tooLong } = await preparePairs(data.train, prepare, preparing)
    if (examples.length === 0) {
      throw new Error(`Every question fills ${length} tokens, so that no answer is left to learn`)
    }
    const heldOut = await preparePairs(data.heldOut, prepare, preparing)
    this.#heldOut = heldOut.examples
    this.#tooLong = [...tooLong, ...heldOut.tooLong]
    this.#batchSize = batchSize
    const { adapter, training } = libraryOptionsOf(settings)
    this.#adapter = await this.#model.attachAdapter({ ...adapter, baseModelNameOrPath: this.name }, { seed })
    this.#run = await this.#model.trainingRun(examples, { ...training, onWarning })
    const gradientCheckpointing = settings.gradientCheckpointing === 'on'
    const planned = { quantize, adapter, batchSize, gradientAccumulationSteps, gradientCheckpointing, length }
    const plan = await this.#worker.planMemory(config, planned)
    await this.#worker.resetPeak()
    const { trainable } = await this.#model.countParameters()
    return {
      ...{ examples: examples.length, heldOut: this.#heldOut.length, truncated },
      ...{ trainable, planned: plan.total },
    }
  }

  /** Pairs of which the limit of tokens left nothing to learn, or to measure. */
  get tooLong(): readonly Pair[] {
    return this.#tooLong
  }

  /**
   * Trains from the step it is at to the last, or until `signal`, which is heard within a step too; then it may be
   * called again.
   */
  async *train(signal: AbortSignal): AsyncGenerator<StepReport> {
    yield* until(signal, this.#running.train({ signal }), ({ step }) => (this.#step = step))
  }

  /** How far the run is. */
  get progress(): { step: number; steps: number } {
    return { step: this.#step, steps: this.#run?.steps ?? 0 }
  }

  /** The loss on what was held out, now; it changes nothing of the run. null where nothing was. */
  async measure(signal: AbortSignal): Promise<LossReport | null> {
    if (this.#heldOut.length === 0) return null
    return this.#model.evaluateLoss(this.#heldOut, { batchSize: this.#batchSize, signal })
  }

  /** What the engine holds. */
  async memory(): Promise<WorkerMemory> {
    return this.#worker.memory()
  }

  /** Writes what the run needs to go on bit for bit. @throws MedAwareError `disk`. */
  async saveRun(directory: FileSystemDirectoryHandle): Promise<void> {
    await this.#running.saveRun(directory)
  }

  /**
   * Brings the run that was begun to where the saved one was.
   * @throws MedAwareError `config` where they differ in what changes the result, `format` for a damaged file.
   */
  async restoreRun(directory: FileSystemDirectoryHandle): Promise<void> {
    this.#step = (await this.#running.restoreRun(directory)).step
  }

  /** Puts an adapter on the model that was trained before. @throws MedAwareError where it is another model's. */
  async useAdapter(source: FileSystemDirectoryHandle, onWarning: (message: string) => void): Promise<void> {
    await this.#forget()
    this.#adapter = await this.#model.openAdapter(source, { onWarning })
  }

  /** The answer of the base or of what it has become, in pieces, as the recipe asks. */
  async *answer(question: string, side: Side, options: AnswerOptions): AsyncGenerator<string> {
    const { signal, past = [], temperature = 0, seed = 0, maxNewTokens = 96 } = options
    await this.#adapter?.setEnabled(side === 'after')
    try {
      const drawing = temperature > 0 ? { doSample: true, temperature, seed } : { doSample: false }
      const prompt = await this.#asking.asked(question, past, maxNewTokens)
      const given = { maxNewTokens, repetitionPenalty: 1.15, signal, ...drawing }
      yield* until(signal, this.#model.generateText(prompt, given))
    } finally {
      await this.#adapter?.setEnabled(true)
    }
  }

  /** The adapter's files, as PEFT names them. @param history Of its run, for its card; null where it is not known. */
  async files(history: LogHistory | null): Promise<Map<string, Uint8Array>> {
    return this.#trained.adapterFiles(await this.#card(history))
  }

  /** Writes the same into a directory. @throws MedAwareError `disk`. */
  async saveAdapter(directory: FileSystemDirectoryHandle, history: LogHistory | null): Promise<void> {
    await this.#trained.saveAdapter(directory, await this.#card(history))
  }

  /** The adapter as llama.cpp reads it. @throws MedAwareError `unsupported` for what llama.cpp cannot apply. */
  async gguf(onWarning: (message: string) => void): Promise<Uint8Array> {
    return this.#trained.adapterGguf({ onWarning })
  }

  /** The model with the adapter in it, in 16 bits, file by file: for transformers. The model stays as it is. */
  mergedFiles(signal: AbortSignal): AsyncGenerator<FilePiece> {
    const copyFrom = this.#source === null ? {} : { copyFrom: this.#source }
    return this.#model.streamModelFiles({ dtype: 'f16', dequantize: true, merge: true, signal, ...copyFrom })
  }

  /** The same as one file for llama.cpp. @throws MedAwareError `unsupported` for architectures that it does not know. */
  mergedGguf(type: 'f16' | 'q8_0', signal: AbortSignal): AsyncGenerator<FilePiece> {
    const copyFrom = this.#source === null ? {} : { copyFrom: this.#source }
    return this.#model.streamModelGguf({ type, merge: true, signal, ...copyFrom })
  }

  /** Frees everything, whatever is under way. */
  close(): void {
    this.#worker.terminate()
  }

  get #running(): WorkerRun {
    if (this.#run === null) throw new Error('There is no run to go on with')
    return this.#run
  }

  get #trained(): WorkerAdapter {
    if (this.#adapter === null) throw new Error('There is no adapter yet; train first')
    return this.#adapter
  }

  async #card(history: LogHistory | null): Promise<CardContent> {
    const own = { medical: true }
    return history === null || this.#run === null ? own : { ...(await this.#run.trainingCard(history)), ...own }
  }

  async #forget(): Promise<void> {
    await this.#run?.dispose()
    await this.#adapter?.detach()
    this.#run = null
    this.#adapter = null
    this.#heldOut = []
    this.#tooLong = []
    this.#step = 0
  }
}

/** What a stream gives, up to where a signal ends it: that is no error. */
async function* until<T>(
  signal: AbortSignal,
  stream: AsyncGenerator<T>,
  see: (item: T) => void = () => {},
): AsyncGenerator<T> {
  try {
    for await (const item of stream) {
      see(item)
      yield item
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  }
}
