import {
  adapterFiles,
  attachLora,
  countParameters,
  generateText,
  loadModel,
  MedAwareError,
  openDevice,
  TrainingRun,
  type Adapter,
  type Device,
  type PretrainedLm,
  type LoadProgress,
  type StepReport,
  type TextTokenizer,
} from 'peft-medaware'
import { examplesOf, promptOf } from '../medquad/questions.ts'
import type { Engine, Opened, Settings, Side } from './messages.ts'
import type { Pair } from './pairs.ts'

/** One engine, one model in 4 bits, and the adapter it is learning. */
export class Session {
  readonly #device: Device
  readonly #model: PretrainedLm
  readonly #tokenizer: TextTokenizer
  #adapter: Adapter | null = null
  #run: TrainingRun | null = null

  private constructor(
    readonly opened: Opened,
    parts: { device: Device; model: PretrainedLm; tokenizer: TextTokenizer },
  ) {
    this.#device = parts.device
    this.#model = parts.model
    this.#tokenizer = parts.tokenizer
  }

  /** Opens an engine and loads a model on it. @throws MedAwareError as `openDevice` and `loadModel`. */
  static async open(
    engine: Engine,
    files: readonly File[],
    name: string,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Session> {
    const { device, reason } = await openDevice({ device: engine })
    try {
      const quantize = { type: 'nf4', doubleQuant: true } as const
      const { model, tokenizer, storage } = await loadModel(files, { device, quantize, onProgress })
      if (tokenizer === null) throw new MedAwareError('not-found', `${name}: there is no tokenizer.json`)
      const { parameters, bytes } = storage
      const { description, kind } = device
      return new Session(
        { engine: kind, description, reason, model: name, parameters, bytes },
        { device, model, tokenizer },
      )
    } catch (error) {
      device.dispose()
      throw error
    }
  }

  /** Puts a fresh adapter on the model. @throws MedAwareError for settings or pairs that cannot be trained on. */
  begin(
    pairs: readonly Pair[],
    settings: Settings,
    onWarning: (message: string) => void,
  ): { examples: number; trainable: number } {
    this.#forget()
    const { rank, steps, batchSize, learningRate, maxLength } = settings
    const examples = examplesOf(this.#tokenizer, pairs, maxLength)
    if (examples.length === 0) {
      throw new MedAwareError('config', `Every question fills ${maxLength} tokens, so that no answer is left to learn`)
    }
    const lora = { r: rank, loraAlpha: 2 * rank, loraDropout: 0.05 }
    const adapter = attachLora(
      this.#model,
      { ...lora, baseModelNameOrPath: this.opened.model },
      { device: this.#device },
    )
    this.#adapter = adapter
    this.#run = new TrainingRun(this.#model, examples, {
      maxSteps: steps,
      batchSize,
      learningRate,
      schedule: 'cosine',
      warmup: 0.05,
      groupByLength: true,
      onWarning,
    })
    return { examples: examples.length, trainable: countParameters(this.#model).trainable }
  }

  /**
   * Trains from the step it is at to the last, or until `signal`, which is heard within a step too; then it may be
   * called again.
   */
  async *train(signal: AbortSignal): AsyncGenerator<StepReport> {
    if (this.#run === null) throw new MedAwareError('config', 'There is no run to go on with')
    try {
      yield* this.#run.train({ signal })
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    }
  }

  /** How far the run is. */
  get progress(): { step: number; steps: number } {
    return { step: this.#run?.step ?? 0, steps: this.#run?.steps ?? 0 }
  }

  /** The answer of the base or of what it has become, in pieces, as the recipe asks. */
  async *answer(question: string, side: Side, signal: AbortSignal): AsyncGenerator<string> {
    this.#adapter?.setEnabled(side === 'after')
    try {
      const options = { maxNewTokens: 96, repetitionPenalty: 1.15, signal }
      yield* generateText(this.#model, this.#tokenizer, promptOf(question), options)
    } finally {
      this.#adapter?.setEnabled(true)
    }
  }

  /** The adapter's files, as PEFT names them. */
  async files(): Promise<Map<string, Uint8Array>> {
    if (this.#adapter === null) throw new MedAwareError('config', 'There is no adapter yet; train first')
    return adapterFiles(this.#adapter)
  }

  /** Frees everything. */
  close(): void {
    this.#device.dispose()
  }

  #forget(): void {
    this.#run?.dispose()
    this.#adapter?.detach()
    this.#run = null
    this.#adapter = null
  }
}
