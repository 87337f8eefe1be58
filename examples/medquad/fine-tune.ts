import { type Example, type PretrainedLm, Trainer, type TrainerOptions, type TrainResult } from 'peft-medaware'
import type { Interrupts } from './interrupts.ts'
import { describeStep } from './progress.ts'
import type { Story } from './story.ts'

/** Validations of a whole run, about: often enough to stop early, and cheap beside the steps between them. */
const validations = 15

interface FineTuning {
  readonly model: PretrainedLm
  readonly examples: readonly Example[]
  /** To measure on now and then. */
  readonly validation: readonly Example[]
  readonly steps: number
  /** What is trained how; where checkpoints go, and whether to go on from there. */
  readonly options: TrainerOptions
  /** Validations without a fall after which to stop; 0 for never. */
  readonly patience: number
  readonly story: Story
  readonly interrupts: Interrupts
}

/** What a training came to, and all that it has reported. */
export interface FineTuned {
  readonly trainer: Trainer
  readonly result: TrainResult
}

/**
 * Trains to the end, or until the validation loss falls no more, and leaves the model with the weights of its lowest.
 * On Ctrl-C or SIGTERM a checkpoint of the last whole step is saved, and the program ended.
 * @throws MedAwareError as `Trainer.train`.
 */
export async function fineTune(tuning: FineTuning): Promise<FineTuned> {
  const { model, examples, validation, steps, options, patience, story, interrupts } = tuning
  const trainer = new Trainer(model, examples, {
    ...options,
    maxSteps: steps,
    signal: interrupts.signal,
    evalDataset: validation,
    evalSteps: Math.max(1, Math.round(steps / validations)),
    evalOnStart: true,
    loadBestModelAtEnd: true,
    ...(patience > 0 && { earlyStoppingPatience: patience }),
    saveTotalLimit: 2,
    callbacks: [
      {
        name: 'story',
        onTrainBegin: ({ step }) => {
          if (step > 0) story.say('resumed', `at step ${step} of ${steps}`)
        },
        onStepEnd: (report) => story.line.show(describeStep(report)),
        onEvaluate: () => story.line.done(),
        onWarning: (message) => story.say('WARNING', message),
      },
    ],
  })
  interrupts.putOff()
  try {
    const result = await trainer.train()
    if (result.isStopped) {
      story.say('stopped', `at step ${result.step} of ${steps}: the validation loss falls no more`)
    }
    return { trainer, result }
  } catch (error) {
    if (!interrupts.isReason(error)) throw error
    story.say('stopped', `at step ${trainer.run.step} of ${steps}, saved; go on with the same options and --resume`)
    return interrupts.leave()
  } finally {
    trainer.dispose()
  }
}
