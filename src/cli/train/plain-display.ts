import type { Device } from '../../device/device.ts'
import type { ProgressLine } from '../../trainer/progress/progress-line.ts'
import type { TrainerCallback } from '../../trainer/trainer-callback.ts'
import { trainingFacts } from './training-facts.ts'
import type { TrainingDisplay } from './training-display.ts'

/** Shows a training in lines: what it is, every ten seconds where it is, each evaluation and each checkpoint. */
export function plainDisplay(progress: ProgressLine): TrainingDisplay {
  const { load, rows, warn, training } = progress
  const callback: TrainerCallback = {
    ...training,
    onTrainBegin: (context) => {
      const { model, method, data, firstStep } = trainingFacts(context)
      progress.say(`training: ${model}; ${method}; ${data}${firstStep > 0 ? `; from step ${firstStep}` : ''}`)
    },
    onSave: (step) => {
      progress.say(`saved checkpoint-${step}`)
    },
  }
  return {
    ...{ load, rows, warn, callback },
    opened: (device: Device, reason: string) => {
      progress.say(`${device.description}: ${reason}`)
    },
    close: () => {
      progress.clear()
    },
  }
}

/** Shows nothing but warnings. */
export function quietDisplay(progress: ProgressLine): TrainingDisplay {
  const nothing = () => undefined
  return {
    load: nothing,
    rows: nothing,
    warn: progress.warn,
    opened: nothing,
    callback: { name: 'quiet' },
    close: nothing,
  }
}
