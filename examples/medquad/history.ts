import type { StepReport } from 'peft-medaware'

/** A loss on validation questions after so many steps, in nats a token. */
export interface Validation {
  readonly step: number
  readonly loss: number
}

/** All a run has reported, and the loss on validation questions now and then. */
export interface History {
  readonly training: StepReport[]
  readonly validation: Validation[]
}

/** What a run has reported before its first step. */
export function emptyHistory(): History {
  return { training: [], validation: [] }
}

/**
 * Whether the loss has not fallen below its lowest in the last `patience` validations (transformers' early stopping).
 */
export function hasStalled(validation: readonly Validation[], patience: number): boolean {
  if (patience === 0 || validation.length <= patience) return false
  const losses = validation.map(({ loss }) => loss)
  return losses.indexOf(Math.min(...losses)) < losses.length - patience
}
