import { restoreRun, saveRun } from '../../io/checkpoint-folder.ts'
import type { Source } from '../../io/sources/open-folder.ts'
import { checkpointFiles, type RestoreOptions } from '../../train/checkpoint.ts'
import type { TrainOptions } from '../../train/training-run.ts'
import type { HeldRun } from './held.ts'

/** What can be asked of a run in the worker. */
export const runCalls = {
  train: ({ run }: HeldRun, options?: Omit<TrainOptions, 'pauseAt'>) => run.train(options),
  checkpointFiles: ({ run }: HeldRun) => checkpointFiles(run),
  saveRun: ({ run }: HeldRun, path: string) => saveRun(run, path),
  restoreRun: ({ run }: HeldRun, source: Source, options?: RestoreOptions) => restoreRun(run, source, options),
  dispose: ({ run }: HeldRun): void => run.dispose(),
}
