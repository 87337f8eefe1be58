import { readFile, rm } from 'node:fs/promises'
import { restoreRun, saveRun, type StepReport, type TrainingRun, writeFolder } from 'peft-medaware'

const HISTORY = 'history.json'

/** All a run has reported, and the loss on validation questions now and then. */
export interface History {
  readonly training: StepReport[]
  readonly validation: { readonly step: number; readonly loss: number }[]
}

/** What a run has reported before its first step. */
export function emptyHistory(): History {
  return { training: [], validation: [] }
}

/** Saves a run with all it has reported, so that a resumed one tells the whole story. */
export async function saveProgress(run: TrainingRun, history: History, folder: string): Promise<void> {
  await saveRun(run, folder)
  await writeFolder(folder, new Map([[HISTORY, JSON.stringify(history)]]))
}

/** Brings a fresh run to where `folder` has it, and gives what it reported by then. */
export async function restoreProgress(run: TrainingRun, folder: string): Promise<History> {
  await restoreRun(run, folder)
  return JSON.parse(await readFile(`${folder}/${HISTORY}`, 'utf8')) as History
}

/** Removes what a finished run no longer needs. */
export async function forgetProgress(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
