import { type Adapter, adapterFiles, MedAwareError, type TrainingRun, writeFolder } from 'peft-medaware'
import { hasStalled } from './history.ts'
import type { Interrupts } from './interrupts.ts'
import { describeStep } from './progress.ts'
import { afterLoss, type Best, type Progress, saveProgress } from './run-folder.ts'
import type { Story } from './story.ts'

/** Validations of a whole run, about: often enough to stop early, and cheap beside the steps between them. */
const validations = 15

interface FineTuning {
  readonly adapter: Adapter
  readonly progress: Progress
  /** The loss on validation questions. */
  readonly validate: () => Promise<number>
  /** Validations without a fall after which to stop; 0 for never. */
  readonly patience: number
  /** Folder of the checkpoint, and steps between two. */
  readonly checkpoint: string
  /** Folder of the adapter that is kept. */
  readonly folder: string
  readonly saveSteps: number
  readonly story: Story
  readonly interrupts: Interrupts
}

/**
 * Trains to the end, or until the validation loss falls no more, and saves and gives the adapter where it was lowest.
 * On Ctrl-C or SIGTERM it saves a checkpoint of the last whole step and ends the program.
 * @throws MedAwareError as `TrainingRun`, with the checkpoint to go on from where there is one.
 */
export async function fineTune(run: TrainingRun, options: FineTuning): Promise<Best> {
  const { adapter, progress, patience, checkpoint, folder, saveSteps, story, interrupts } = options
  const { training, validation } = progress.history
  const every = Math.max(1, Math.round(run.steps / validations))
  const validate = async (step: number): Promise<Best> => {
    const loss = await options.validate()
    story.line.done()
    validation.push({ step, loss })
    // A loss that is as low as before is no reason to train longer.
    if (progress.best !== null && loss >= progress.best.loss) return progress.best
    return (progress.best = { step, loss, files: await adapterFiles(adapter) })
  }
  let saved = run.step
  const save = async (): Promise<boolean> => {
    try {
      await saveProgress(run, progress, checkpoint)
      saved = run.step
      return true
    } catch (error) {
      // A full disk may have room again by the next time; what is trained is worth more than ending here.
      if (!(error instanceof MedAwareError) && !(error instanceof Error && 'code' in error)) throw error
      story.say('WARNING', `step ${run.step} could not be saved: ${error.message}`)
      return false
    }
  }
  const train = async () => {
    if (progress.best === null) await validate(run.step)
    if (hasStalled(validation, patience)) return
    for await (const report of run.train({ signal: interrupts.signal })) {
      story.line.show(describeStep(report))
      training.push(report)
      const isLast = report.step === report.steps
      if (report.step % every === 0 || isLast) await validate(report.step)
      const isStalled = hasStalled(validation, patience)
      if (isLast || isStalled || report.step % saveSteps === 0) await save()
      if (isStalled) {
        story.say('stopped', `at step ${report.step} of ${report.steps}: the validation loss falls no more`)
        return
      }
    }
  }
  interrupts.putOff()
  try {
    await train().catch((error: unknown) => {
      if (!interrupts.isReason(error)) throw error
    })
    if (interrupts.signal.aborted) {
      const where = (await save()) ? 'saved; go on with the same options and --resume' : 'and not saved'
      story.say('stopped', `at step ${run.step} of ${run.steps}, ${where}`)
      interrupts.leave()
    }
    const best = progress.best ?? (await validate(run.step))
    await writeFolder(folder, best.files)
    return best
  } catch (error) {
    throw afterLoss(error, saved, checkpoint)
  }
}
