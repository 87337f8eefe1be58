import { messageOf } from '../../core/errors.ts'
import type { TrainerCallback, TrainerContext } from '../trainer-callback.ts'
import type { Sample } from './samples.ts'
import { trainingReport } from './training-report.ts'

/** Milliseconds between two reports of a training that goes on. */
const interval = 10_000

/**
 * Keeps `report.html` in a training's store: at evaluations and checkpoints, so that it can be looked at meanwhile,
 * and at the end. @param onWarning Told once where it cannot be written.
 */
export function htmlReport(
  samples: () => readonly Sample[],
  note: string,
  onWarning: (message: string) => void,
): TrainerCallback {
  let last = -Infinity
  let hasWarned = false
  const write = async ({ history, description, step, steps, best, store }: TrainerContext): Promise<void> => {
    if (store === null) return
    const page = await trainingReport({ history, description, step, steps, best, samples: samples(), note })
    try {
      await store.write('', new Map([['report.html', page]]))
    } catch (error) {
      const reason = messageOf(error)
      if (!hasWarned) onWarning(`report.html cannot be written, the training goes on: ${reason}`)
      hasWarned = true
    }
    last = Date.now()
  }
  const writeMeanwhile = async (context: TrainerContext): Promise<void> => {
    if (Date.now() - last >= interval) await write(context)
  }
  let hasBegun = false
  return {
    name: 'report',
    onTrainBegin: () => {
      hasBegun = true
    },
    onEvaluate: (_, context) => writeMeanwhile(context),
    onSave: (_, context) => writeMeanwhile(context),
    async onTrainEnd(context) {
      // A training that never began may have been refused the place of another one.
      if (hasBegun) await write(context)
    },
  }
}
