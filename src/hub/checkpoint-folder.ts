import { checkpointFiles, restoreCheckpoint, saveCheckpoint } from '../train/checkpoint.ts'
import type { TrainingRun } from '../train/training-run.ts'
import { openTensors, readText, writeFolder } from './folder.ts'
import { openFolder, type Source } from './open-folder.ts'

/** Writes a run's checkpoint into a directory (Node only). */
export async function saveRun(run: TrainingRun, path: string): Promise<void> {
  await writeFolder(path, await saveCheckpoint(run))
}

/** Brings a fresh run to where the one saved in a folder was. @throws MedAwareError as `restoreCheckpoint`, and `not-found`. */
export async function restoreRun(run: TrainingRun, source: Source): Promise<void> {
  const folder = await openFolder(source)
  const reader = await openTensors(folder, checkpointFiles.tensors)
  try {
    await restoreCheckpoint(run, await readText(folder, checkpointFiles.state), reader)
  } finally {
    await reader.close()
  }
}
