import {
  checkpointFileNames,
  restoreCheckpoint,
  type RestoreOptions,
  type RestoreReport,
  checkpointFiles,
} from '../train/checkpoint.ts'
import type { TrainingRun } from '../train/training-run.ts'
import { type RunDirectory, runStore } from './runs/run-store.ts'
import { openTensors, readText } from './sources/folder.ts'
import { openFolder, type Source } from './sources/open-folder.ts'

/**
 * Writes a run's checkpoint into a directory: its path (Node), or the handle of one that a page has. Who is stopped at
 * any time leaves the checkpoint before or this one, whole. @throws MedAwareError `disk`, `unsupported` for a path in a
 * page; as `checkpointFiles`.
 */
export async function saveRun(run: TrainingRun, place: RunDirectory): Promise<void> {
  await runStore('saveRun', place, 'path').write('', await checkpointFiles(run))
}

/**
 * Brings a fresh run to where the one saved in a folder was, and says in what the two differ.
 * @throws MedAwareError as `restoreCheckpoint`, and `not-found` where the folder has no checkpoint.
 */
export async function restoreRun(
  run: TrainingRun,
  source: Source,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const folder = await openFolder(source)
  const reader = await openTensors(folder, checkpointFileNames.tensors)
  try {
    const { state } = checkpointFileNames
    const stateJson = (await folder.has(state)) ? await readText(folder, state) : null
    return await restoreCheckpoint(run, stateJson, reader, options)
  } finally {
    await reader.close()
  }
}
