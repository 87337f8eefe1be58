import { check } from '../core/errors.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json.ts'
import type { StepReport } from '../train/training-run.ts'
import type { BestEvaluation, EvaluationEntry, LogHistory, TrainerCallback } from './trainer-callback.ts'

/** What says which evaluation is the best one. */
export interface BestBy {
  readonly metric: string
  readonly isGreaterBetter: boolean
  /** By how much it must be better to count. */
  readonly threshold: number
}

/** What a training has come to, as its checkpoints keep it: all reports, the best evaluation, and callbacks' states. */
export class TrainerState implements LogHistory {
  readonly training: StepReport[] = []
  readonly evaluation: EvaluationEntry[] = []
  best: BestEvaluation | null = null
  /** Evaluations since one was better. */
  stalled = 0
  readonly #by: BestBy

  constructor(by: BestBy) {
    this.#by = by
  }

  /** Takes an evaluation. @returns Whether it is the best so far. @throws MedAwareError `config` without the metric. */
  note(entry: EvaluationEntry): boolean {
    const { metric, isGreaterBetter, threshold } = this.#by
    const value = entry.metrics[metric]
    check(value !== undefined, 'config', () => {
      return `Trainer: metricForBestModel ${metric} is not measured; there are ${Object.keys(entry.metrics).join(', ')}`
    })
    this.evaluation.push(entry)
    const gain = this.best === null ? Infinity : (value - this.best.value) * (isGreaterBetter ? 1 : -1)
    const isBetter = gain > 0
    // As transformers' EarlyStoppingCallback, which counts only what is better by more than the threshold.
    this.stalled = gain > threshold ? 0 : this.stalled + 1
    if (isBetter) this.best = { step: entry.step, value }
    return isBetter
  }

  /** As JSON. */
  toJson(callbacks: readonly TrainerCallback[]): string {
    const states = callbacks.flatMap((callback) => {
      const state = callback.state?.()
      return state === undefined ? [] : [[callback.name, state] as const]
    })
    const { training, evaluation, best, stalled } = this
    return `${JSON.stringify({ best, stalled, callbacks: Object.fromEntries(states), evaluation, training })}\n`
  }

  /** Takes up what `toJson` gave. @param who Whose file it is, for an error. @throws MedAwareError `format`. */
  restore(who: string, json: string, callbacks: readonly TrainerCallback[]): void {
    const saved = parseJsonObject(who, json)
    const { best, stalled, training, evaluation, callbacks: states } = saved
    check(isWhole(saved), 'format', () => `${who} is torn: it lacks training, evaluation, best or stalled`)
    this.training.splice(0, Infinity, ...(training as StepReport[]))
    this.evaluation.splice(0, Infinity, ...(evaluation as EvaluationEntry[]))
    this.best = best as BestEvaluation | null
    this.stalled = stalled as number
    for (const callback of callbacks) {
      const state = isJsonObject(states) ? states[callback.name] : undefined
      if (isJsonObject(state)) callback.restore?.(state)
    }
  }
}

function isWhole({ best, stalled, training, evaluation }: JsonObject): boolean {
  const isEntry = (entry: unknown) => isJsonObject(entry) && Number.isSafeInteger(entry['step'])
  const areEntries = (list: unknown) => Array.isArray(list) && list.every(isEntry)
  return (
    (best === null || isEntry(best)) && Number.isSafeInteger(stalled) && areEntries(training) && areEntries(evaluation)
  )
}
