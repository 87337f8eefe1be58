import type { LogHistory, StepReport } from 'peft-medaware'

/** A loss on validation questions after so many steps, in nats a token. */
export interface Validation {
  readonly step: number
  readonly loss: number
}

/** All a run has reported, and the loss on validation questions now and then. */
export interface History {
  readonly training: readonly StepReport[]
  readonly validation: readonly Validation[]
}

/** What a trainer keeps, as the report and the summary show it. */
export function historyOf({ training, evaluation }: LogHistory): History {
  const validation = evaluation.map(({ step, metrics }) => ({ step, loss: metrics['evalLoss'] ?? NaN }))
  return { training, validation }
}
