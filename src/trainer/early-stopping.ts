import type { TrainerCallback } from './trainer-callback.ts'
import type { TrainerState } from './trainer-state.ts'

/** Ends a training after so many evaluations without a better one (transformers' EarlyStoppingCallback). */
export function earlyStopping(state: TrainerState, patience: number): TrainerCallback {
  return {
    name: 'earlyStopping',
    onEvaluate: (_, __, control) => {
      if (state.stalled >= patience) control.shouldTrainingStop = true
    },
  }
}
