import type { StepReport } from '../../../train/step-report.ts'
import type { BestEvaluation, EvaluationEntry } from '../../../trainer/trainer-callback.ts'
import type { TrainingFacts } from '../training-facts.ts'
import type { CoursePoint } from './course.ts'

/** What goes on. */
export interface Activity {
  /** In a word or two: `training`. */
  readonly words: string
  /** How far it is, of the whole, in [0, 1]; null where nobody knows. */
  readonly share: number | null
  /** How much, how fast, how long. */
  readonly pace: string
}

/** Bytes that are held, and the most that were. */
export interface Held {
  readonly bytes: number
  readonly peak: number
}

/** A checkpoint, and when it was saved: milliseconds of `Date.now`. */
export interface SavedCheckpoint {
  readonly step: number
  readonly at: number
}

/** What has been asked of a training and not been done yet. */
export type Request = 'save' | 'measure' | 'pause' | 'stop'

/** All that a dashboard shows of a training. Times are milliseconds of `Date.now`. */
export interface RunState {
  /** What was typed: `train`, `resume`. */
  readonly command: string
  /** What is known before the training begins: the model's name, the device, the folder. */
  readonly model: string
  readonly device: string
  readonly out: string
  readonly facts: TrainingFacts | null
  readonly activity: Activity
  readonly asked: ReadonlySet<Request>
  readonly isPaused: boolean
  /** How it ended; null while it goes on. */
  readonly ending: 'done' | 'stopped' | 'failed' | null
  /** When the first step of this program began; null before. */
  readonly startedAt: number | null
  readonly report: StepReport | null
  readonly reportedAt: number
  readonly losses: readonly CoursePoint[]
  readonly evaluations: readonly EvaluationEntry[]
  readonly best: BestEvaluation | null
  readonly saved: readonly SavedCheckpoint[]
  readonly warnings: readonly string[]
  readonly memory: { readonly process: Held; readonly device: Held | null }
}

/** The held-out losses among evaluations. */
export function heldOutLosses(evaluations: readonly EvaluationEntry[]): readonly CoursePoint[] {
  return evaluations.flatMap(({ step, metrics: { evalLoss } }) =>
    evalLoss === undefined ? [] : [{ step, value: evalLoss }],
  )
}

/** Whether a run can do now what somebody may ask for. */
export function offers({ facts, ending, isPaused, asked }: RunState, request: Request): boolean {
  if (ending !== null || asked.has('stop')) return false
  if (request === 'stop') return true
  if (facts === null) return false
  if (request === 'pause') return true
  return !isPaused && (request === 'save' ? facts.canSave : facts.canMeasure)
}
