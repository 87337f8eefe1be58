import type { StepReport } from 'peft-medaware'
import type { ModelWorker, WorkerAdapter, WorkerModel, WorkerRun } from 'peft-medaware/worker'
import { promptOf } from '../medquad/prompt.ts'
import type { Pair } from './pairs.ts'

/** The model as it was, or with what it has learned. */
export type Side = 'before' | 'after'

/** How to train. */
export interface Settings {
  readonly steps: number
  /** Questions of a step. */
  readonly batchSize: number
  readonly learningRate: number
  /** r of LoRA; alpha is twice that. */
  readonly rank: number
  /** Tokens of a question and its answer. */
  readonly maxLength: number
}

/** The adapter that is trained. */
export function loraOf(rank: number) {
  return { r: rank, loraAlpha: 2 * rank, loraDropout: 0.05 }
}

/** One engine, one model in 4 bits, and the adapter it is learning, all of it in a worker: the page stays free. */
export class Session {
  readonly #worker: ModelWorker
  readonly #model: WorkerModel
  #adapter: WorkerAdapter | null = null
  #run: WorkerRun | null = null
  #step = 0

  /** @param name Of the model. */
  constructor(
    readonly name: string,
    worker: ModelWorker,
    model: WorkerModel,
  ) {
    this.#worker = worker
    this.#model = model
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
   * @throws MedAwareError for settings or pairs that cannot be trained on.
   */
  async begin(
    pairs: readonly Pair[],
    settings: Settings,
    onWarning: (message: string) => void,
  ): Promise<{ examples: number; trainable: number }> {
    await this.#forget()
    const { rank, steps, batchSize, learningRate, maxLength } = settings
    const { examples } = await this.#examplesOf(pairs, maxLength)
    if (examples.length === 0) {
      throw new Error(`Every question fills ${maxLength} tokens, so that no answer is left to learn`)
    }
    this.#adapter = await this.#model.attachLora({ ...loraOf(rank), baseModelNameOrPath: this.name })
    this.#run = await this.#model.trainingRun(examples, {
      maxSteps: steps,
      batchSize,
      learningRate,
      schedule: 'cosine',
      warmup: 0.05,
      groupByLength: true,
      onWarning,
    })
    return { examples: examples.length, trainable: (await this.#model.countParameters()).trainable }
  }

  /**
   * Trains from the step it is at to the last, or until `signal`, which is heard within a step too; then it may be
   * called again.
   */
  async *train(signal: AbortSignal): AsyncGenerator<StepReport> {
    if (this.#run === null) throw new Error('There is no run to go on with')
    yield* until(signal, this.#run.train({ signal }), ({ step }) => (this.#step = step))
  }

  /** How far the run is. */
  get progress(): { step: number; steps: number } {
    return { step: this.#step, steps: this.#run?.steps ?? 0 }
  }

  /** The answer of the base or of what it has become, in pieces, as the recipe asks. */
  async *answer(question: string, side: Side, signal: AbortSignal): AsyncGenerator<string> {
    await this.#adapter?.setEnabled(side === 'after')
    try {
      const options = { maxNewTokens: 96, repetitionPenalty: 1.15, signal }
      yield* until(signal, this.#model.generateText(await this.#asked(question), options))
    } finally {
      await this.#adapter?.setEnabled(true)
    }
  }

  /** Whether it is asked in conversation. */
  get #isChat(): boolean {
    return this.#model.tokenizer?.hasChatTemplate === true
  }

  /** Pairs as tokens, of which only the answers are learned. */
  #examplesOf(pairs: readonly Pair[], maxLength: number) {
    const rows = pairs.map(({ question, answer }) =>
      this.#isChat
        ? { prompt: [asks(question)], completion: [says(answer)] }
        : { prompt: promptOf(question), completion: ` ${answer}` },
    )
    return this.#model.prepareExamples(rows, { maxLength })
  }

  /** What the model reads before it answers. */
  async #asked(question: string): Promise<string | number[]> {
    if (!this.#isChat) return promptOf(question)
    // Models that may think first, as Qwen3, learn from these pairs to answer at once.
    const options = { addGenerationPrompt: true, templateKwargs: { enable_thinking: false } }
    const text = await this.#model.applyChatTemplate([asks(question)], options)
    // The template has written what begins a text.
    return this.#model.encode(text, { addSpecialTokens: false })
  }

  /** The adapter's files, as PEFT names them. */
  async files(): Promise<Map<string, Uint8Array>> {
    if (this.#adapter === null) throw new Error('There is no adapter yet; train first')
    return this.#adapter.adapterFiles()
  }

  /** Frees everything, whatever is under way. */
  close(): void {
    this.#worker.terminate()
  }

  async #forget(): Promise<void> {
    await this.#run?.dispose()
    await this.#adapter?.detach()
    this.#run = null
    this.#adapter = null
    this.#step = 0
  }
}

const asks = (content: string) => ({ role: 'user', content })
const says = (content: string) => ({ role: 'assistant', content })

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
