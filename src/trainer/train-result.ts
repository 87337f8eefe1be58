import type { StepReport } from '../train/step-report.ts'
import type { Sample } from './report/samples.ts'

/** What a training came to. */
export interface TrainResult {
  /** Steps done, and of the whole run. */
  readonly step: number
  readonly steps: number
  /** Mean loss of the steps' label tokens, or of the steps where the loss is one's own. */
  readonly trainLoss: number
  /** Numbers of the last evaluation, or of the best one where its weights were put back; null for none. */
  readonly metrics: Readonly<Record<string, number>> | null
  /** The best evaluation, and whether the model has its weights. */
  readonly best: { readonly step: number; readonly value: number; readonly isLoaded: boolean } | null
  /** Whether a callback, such as early stopping, ended it before the last step. */
  readonly isStopped: boolean
  /** What the model made of the prompts of `samples`, before and after; none without. */
  readonly samples: readonly Sample[]
}

/**
 * The mean loss of some steps. @param isOwn A loss of one's own need not be a mean over tokens: its steps weigh alike,
 * as in transformers' train_loss.
 */
export function meanLoss(reports: readonly StepReport[], isOwn: boolean): number {
  const weightOf = (report: StepReport) => (isOwn ? 1 : report.labelTokens)
  const counted = reports.reduce((sum, report) => sum + weightOf(report), 0)
  return reports.reduce((sum, report) => sum + report.loss * weightOf(report), 0) / counted
}
