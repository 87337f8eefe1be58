import { restoreRun, saveRun } from '../../io/checkpoint-folder.ts'
import type { RunDirectory } from '../../io/runs/run-store.ts'
import type { Source } from '../../io/sources/open-folder.ts'
import { checkpointFiles, type RestoreOptions } from '../../train/checkpoint.ts'
import type { TrainOptions } from '../../train/training-run.ts'
import type { LogHistory } from '../../trainer/trainer-callback.ts'
import { trainingCard, type TrainingCardOptions } from '../../trainer/training-card.ts'
import type { HeldRun } from './held.ts'

/** What can be asked of a run in the worker. */
export const runCalls = {
  train: ({ run }: HeldRun, options?: Omit<TrainOptions, 'pauseAt'>) => run.train(options),
  checkpointFiles: ({ run }: HeldRun) => checkpointFiles(run),
  saveRun: ({ run }: HeldRun, place: RunDirectory) => saveRun(run, place),
  restoreRun: ({ run }: HeldRun, source: Source, options?: RestoreOptions) => restoreRun(run, source, options),
  trainingCard: ({ run }: HeldRun, history: LogHistory, options?: TrainingCardOptions) =>
    trainingCard(run, history, options),
  dispose: ({ run }: HeldRun): void => run.dispose(),
}
