import type { EvaluationEntry, StepReport } from 'peft-medaware'
import type { Preparing } from '../data/prepare-pairs.ts'
import type { RunData } from '../pairs.ts'
import type { Begun, Session } from '../session.ts'
import type { Settings } from '../settings/settings.ts'

/** A question that was answered after so many steps. */
export interface SampleAnswer {
  readonly step: number
  readonly question: string
  readonly answer: string
}

/** What the engine holds, in bytes. */
export interface MemoryNow {
  readonly live: number
  readonly peak: number
}

/** What a run has come to: all that is shown of it and kept of it, beside its weights. */
export interface RunRecord {
  readonly version: 1
  readonly id: string
  readonly model: { readonly name: string; readonly parameters: number }
  readonly machine: string
  readonly settings: Settings
  readonly data: { readonly train: number; readonly heldOut: number; readonly digest: string }
  readonly begun: Begun
  /** Questions that are answered on the way; none to leave that out. */
  readonly questions: readonly string[]
  readonly step: number
  readonly steps: number
  readonly peakBytes: number
  readonly training: readonly StepReport[]
  readonly evaluation: readonly EvaluationEntry[]
  readonly samples: readonly SampleAnswer[]
}

/** How a run is begun. */
export interface TrainingPlan {
  readonly id: string
  readonly data: RunData
  readonly digest: string
  readonly settings: Settings
  readonly questions: readonly string[]
}

/** What happened: a step, or something between two steps. */
export type TrainingEvent = 'step' | 'measured' | 'answered' | 'kept'

/** Milliseconds between two looks at the memory, and between two checkpoints on the way. */
const every = { memory: 400, keep: 30_000 }
/** How often questions are answered in a run, beside the beginning. */
const samplings = 4
/** Tokens of an answer on the way. */
const sampleTokens = 48

/** A run with what is done between its steps: measuring, answering, keeping. None of that changes what is learned. */
export class Training {
  readonly #training: StepReport[] = []
  readonly #evaluation: EvaluationEntry[] = []
  readonly #samples: SampleAnswer[] = []
  #memory: MemoryNow = { live: 0, peak: 0 }
  #looked = 0
  #kept = performance.now()

  private constructor(
    readonly session: Session,
    readonly plan: Omit<TrainingPlan, 'data'>,
    private readonly data: RunRecord['data'],
    readonly begun: Begun,
    private readonly keep: (training: Training) => Promise<void>,
  ) {}

  /**
   * Puts a fresh adapter on the session's model, and trains it from the first step.
   * @param keep Keeps the run as it is now; called every half a minute, at a stop and at the end.
   */
  static async begin(
    session: Session,
    { data, ...plan }: TrainingPlan,
    onWarning: (message: string) => void,
    keep: (training: Training) => Promise<void>,
    preparing: Preparing = {},
  ): Promise<Training> {
    const begun = await session.begin(data, plan.settings, onWarning, preparing)
    const counts = { train: data.train.length, heldOut: data.heldOut.length, digest: plan.digest }
    return new Training(session, plan, counts, begun, keep)
  }

  /** Goes on from where a run was kept. @param directory Of its checkpoint. @throws MedAwareError as `restoreRun`. */
  async restore({ training, evaluation, samples }: RunRecord, directory: FileSystemDirectoryHandle): Promise<void> {
    await this.session.restoreRun(directory)
    this.#training.push(...training)
    this.#evaluation.push(...evaluation)
    this.#samples.push(...samples)
  }

  get step(): number {
    return this.session.progress.step
  }

  get steps(): number {
    return this.session.progress.steps
  }

  get memory(): MemoryNow {
    return this.#memory
  }

  /** As it is now; its lists grow. */
  get record(): RunRecord {
    const { session, plan, data, begun, step, steps } = this
    const { id, settings, questions } = plan
    return {
      ...{ version: 1, id, settings, data, begun, questions, step, steps, peakBytes: this.#memory.peak },
      model: { name: session.name, parameters: session.parameters },
      machine: session.description,
      ...{ training: this.#training, evaluation: this.#evaluation, samples: this.#samples },
    }
  }

  /** Trains from the step it is at to the last one, or to where `signal` ends it; then it may be called again. */
  async *go(signal: AbortSignal): AsyncGenerator<TrainingEvent> {
    try {
      yield* this.#between(signal)
      for await (const report of this.session.train(signal)) {
        this.#training.push(report)
        await this.#look()
        yield 'step'
        yield* this.#between(signal)
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    }
    await this.#look(0)
    await this.keep(this)
    yield 'kept'
  }

  /** What is due after this step, and was not done before a stop. */
  async *#between(signal: AbortSignal): AsyncGenerator<TrainingEvent> {
    if (signal.aborted) return
    if (
      this.#isDue(this.plan.settings.evalSteps) &&
      this.#evaluation.at(-1)?.step !== this.step &&
      (await this.#measure(signal))
    )
      yield 'measured'
    for (const question of this.#isDue(Math.ceil(this.steps / samplings)) ? this.plan.questions : []) {
      if (this.#samples.some((sample) => sample.step === this.step && sample.question === question)) continue
      await this.#answer(question, signal)
      signal.throwIfAborted()
      yield 'answered'
    }
    if (this.step < this.steps && performance.now() - this.#kept > every.keep) {
      await this.keep(this)
      this.#kept = performance.now()
      yield 'kept'
    }
  }

  /** Whether it is time for what is done at the beginning, every so many steps, and at the end. */
  #isDue(interval: number): boolean {
    return this.step === this.steps || this.step % Math.max(1, interval) === 0
  }

  async #measure(signal: AbortSignal): Promise<boolean> {
    const started = performance.now()
    const report = await this.session.measure(signal)
    if (report === null) return false
    const { loss: evalLoss, perplexity: evalPerplexity, bitsPerByte, tokens: evalTokens } = report
    const bits = bitsPerByte === null ? {} : { evalBitsPerByte: bitsPerByte }
    const evalSeconds = (performance.now() - started) / 1000
    const metrics = { evalLoss, evalPerplexity, ...bits, evalTokens, evalSeconds }
    this.#evaluation.push({ step: this.step, epoch: this.#training.at(-1)?.epoch ?? 0, metrics })
    return true
  }

  async #answer(question: string, signal: AbortSignal): Promise<void> {
    let answer = ''
    const options = { signal, maxNewTokens: sampleTokens }
    for await (const piece of this.session.answer(question, 'after', options)) answer += piece
    if (!signal.aborted) this.#samples.push({ step: this.step, question, answer: answer.trim() })
  }

  async #look(apart = every.memory): Promise<void> {
    if (performance.now() - this.#looked < apart) return
    this.#looked = performance.now()
    const { liveBytes: live, peakBytes: peak } = await this.session.memory()
    this.#memory = { live, peak }
  }
}
