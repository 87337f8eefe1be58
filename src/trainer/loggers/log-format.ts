import type { StepReport } from '../../train/step-report.ts'
import type { EvaluationEntry, LogHistory } from '../trainer-callback.ts'

/** What a log holds of one step or one evaluation. */
export interface LogRecord {
  readonly step: number
  /** When it was reported, in milliseconds since 1970. */
  readonly time: number
  /** Numbers by transformers' names: `loss`, `grad_norm`, `eval_loss`. */
  readonly figures: Readonly<Record<string, number>>
}

/** A log file of some kind: how records become its bytes. */
export interface LogFormat {
  /** @param there Names of the files that the run has: those of an earlier start are gone on with. */
  fileName(there: readonly string[]): string
  /** The file that has these records. */
  whole(records: readonly LogRecord[]): string | Uint8Array
  /** What records add behind those that `whole` and `added` were given before; null where it must be written anew. */
  added(records: readonly LogRecord[]): string | Uint8Array | null
}

/** A record without its time. */
export type Untimed = Omit<LogRecord, 'time'>

/** A step as a record. */
export function stepRecord(report: StepReport): Untimed {
  const { step, epoch, loss, gradNorm, metrics = {}, learningRate, ...rest } = report
  const { tokens, labelTokens, seconds, tokensPerSecond } = rest
  return {
    step,
    figures: named({ epoch, loss, gradNorm, ...metrics, learningRate, tokens, labelTokens, seconds, tokensPerSecond }),
  }
}

/** An evaluation as a record. */
export function evaluationRecord({ step, epoch, metrics }: EvaluationEntry): Untimed {
  return { step, figures: named({ epoch, ...metrics }) }
}

/** All of a history as records: evaluations behind the step that they follow. */
export function recordsOf({ training, evaluation }: LogHistory): readonly Untimed[] {
  // Sorting keeps the order of those of one step.
  const records = [...training.map(stepRecord), ...evaluation.map(evaluationRecord)]
  return records.sort((a, b) => a.step - b.step)
}

function named(numbers: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [snakeCase(name), value]))
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
