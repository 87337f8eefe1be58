import type { PrepareProgress } from '../../../data/prepare-options.ts'
import type { Device } from '../../../device/device.ts'
import type { LoadProgress } from '../../../io/load/load-options.ts'
import type { StepReport } from '../../../train/step-report.ts'
import { loadStage, measuringPace, rowsPace, stagePace } from '../../../trainer/progress/stages.ts'
import type {
  BestEvaluation,
  EvaluationEntry,
  TrainerCallback,
  TrainerContext,
} from '../../../trainer/trainer-callback.ts'
import { type TrainingFacts, trainingFacts } from '../training-facts.ts'
import { Course } from './course.ts'
import { type Activity, type Held, offers, type Request, type RunState, type SavedCheckpoint } from './run-state.ts'

/** What a run is, before anything is known of it. */
export interface RunNames {
  readonly command: string
  readonly model: string
  readonly out: string
}

/** Bytes that the process has, and the most it has had. */
export type MemoryReader = () => Held

const training: Activity = { words: 'training', share: null, pace: '' }

/** Gathers what a training tells, for a dashboard to show: what loading and rows report, and a trainer's callback. */
export class RunRecord implements RunState {
  readonly command: string
  readonly model: string
  readonly out: string
  device = ''
  facts: TrainingFacts | null = null
  activity: Activity = { words: 'starting', share: null, pace: '' }
  readonly asked = new Set<Request>()
  isPaused = false
  ending: RunState['ending'] = null
  startedAt: number | null = null
  report: StepReport | null = null
  reportedAt = 0
  evaluations: readonly EvaluationEntry[] = []
  best: BestEvaluation | null = null
  readonly saved: SavedCheckpoint[] = []
  readonly warnings: string[] = []
  readonly #course = new Course()
  readonly #now: () => number
  readonly #memory: MemoryReader
  #onDevice: Device | null = null
  #stage = ''
  #stageAt = 0
  #goOn: () => void = () => undefined

  constructor({ command, model, out }: RunNames, memory: MemoryReader, now: () => number = Date.now) {
    this.command = command
    this.model = model
    this.out = out
    this.#memory = memory
    this.#now = now
  }

  get losses() {
    return this.#course.points()
  }

  get memory() {
    const { liveBytes: bytes, peakBytes: peak } = this.#onDevice?.memory ?? { liveBytes: 0, peakBytes: 0 }
    return { process: this.#memory(), device: this.#onDevice && { bytes, peak } }
  }

  /** The device that was opened. */
  opened(device: Device, reason: string): void {
    this.#onDevice = device
    this.device = `${device.description}: ${reason}`
  }

  readonly load = (progress: LoadProgress): void => {
    const stage = loadStage(progress)
    const { verb: words, share } = stage
    this.activity = { words, share, pace: stagePace(stage, this.#elapsed(words)) }
  }

  readonly rows = (progress: PrepareProgress): void => {
    const { rows, total } = progress
    this.activity = { words: 'reading rows', share: total === null ? null : rows / total, pace: rowsPace(progress) }
  }

  /** A warning that was told before is not told again. */
  readonly warn = (message: string): void => {
    if (!this.warnings.includes(message)) this.warnings.push(message)
  }

  /**
   * Asks for something after this step, if the run can do it now; a second pause takes back the first, or ends it.
   */
  ask(request: Request): void {
    if (!offers(this, request)) return
    if (request === 'pause' && (this.isPaused || this.asked.has('pause'))) this.#endPause()
    else this.asked.add(request)
  }

  /** A trainer's callback: it fills the record, and hands over what was asked for. */
  readonly callback: TrainerCallback = {
    name: 'dashboard',
    onTrainBegin: (context) => {
      this.facts = trainingFacts(context)
      for (const { step, loss } of context.history.training) this.#course.add(step, loss)
      this.#take(context)
      this.startedAt = this.#now()
      this.activity = { ...training, words: 'preparing the first step' }
    },
    onStepEnd: (report, context, control) => {
      this.report = report
      this.reportedAt = this.#now()
      this.#course.add(report.step, report.loss)
      this.activity = training
      this.#take(context)
      if (this.asked.has('save')) control.shouldSave = true
      if (this.asked.has('measure')) control.shouldEvaluate = true
      if (this.asked.has('pause')) control.shouldPause = true
    },
    onPredictionStep: (done, total) => {
      if (done === 0) {
        this.asked.delete('measure')
        this.#stage = ''
      }
      const pace = measuringPace(done, total, this.#elapsed('measuring'))
      this.activity = { words: 'measuring', share: done / total, pace }
    },
    onEvaluate: (_, context) => {
      this.activity = training
      this.#take(context)
    },
    onSaveBegin: (step) => {
      this.asked.delete('save')
      this.activity = { words: `saving checkpoint-${step}`, share: null, pace: '' }
    },
    onSave: (step) => {
      this.saved.push({ step, at: this.#now() })
      this.activity = training
    },
    onPause: async () => {
      if (!this.asked.delete('pause')) return
      this.isPaused = true
      await new Promise<void>((resolve) => (this.#goOn = resolve))
    },
    onTrainEnd: (context) => {
      this.isPaused = false
      this.#take(context)
    },
  }

  #endPause(): void {
    this.asked.delete('pause')
    this.isPaused = false
    this.#goOn()
  }

  #take({ history, best }: TrainerContext): void {
    this.report ??= history.training.at(-1) ?? null
    this.evaluations = history.evaluation
    this.best = best
  }

  /** Milliseconds since a stage began. */
  #elapsed(stage: string): number {
    if (this.#stage !== stage) {
      this.#stage = stage
      this.#stageAt = this.#now()
    }
    return this.#now() - this.#stageAt
  }
}
