import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { MedAwareError, restoreRun, saveRun, type StepReport, type TrainingRun, writeFolder } from 'peft-medaware'

const HISTORY = 'history.json'
const nextOf = (folder: string) => `${folder}.next`

/** All a run has reported, and the loss on validation questions now and then. */
export interface History {
  readonly training: StepReport[]
  readonly validation: { readonly step: number; readonly loss: number }[]
}

/** What a run has reported before its first step. */
export function emptyHistory(): History {
  return { training: [], validation: [] }
}

/** Saves a run with all it has reported, so that a resumed one tells the whole story. The old checkpoint stays until then. */
export async function saveProgress(run: TrainingRun, history: History, folder: string): Promise<void> {
  const next = nextOf(folder)
  await saveRun(run, next)
  await writeFolder(next, new Map([[HISTORY, JSON.stringify(history)]]))
  await rm(folder, { recursive: true, force: true })
  await rename(next, folder)
}

/** What a run ended in; where its device was lost, with the checkpoint that is left of it. */
export function afterLoss(error: unknown, saved: number, folder: string): unknown {
  if (!(error instanceof MedAwareError) || error.code !== 'device-lost') return error
  const remedy =
    saved === 0 ? 'nothing was saved yet' : `${folder} has step ${saved}: give the same options and --resume`
  return new MedAwareError('device-lost', `${error.message}; ${remedy}`, { cause: error })
}

/** Brings a fresh run to where `folder` has it, and gives what it reported by then. */
export async function restoreProgress(run: TrainingRun, folder: string): Promise<History> {
  // A program that ends just before the rename leaves the new one alone.
  const from = !existsSync(folder) && existsSync(nextOf(folder)) ? nextOf(folder) : folder
  await restoreRun(run, from)
  return JSON.parse(await readFile(`${from}/${HISTORY}`, 'utf8')) as History
}

/** Removes what a finished run no longer needs. */
export async function forgetProgress(folder: string): Promise<void> {
  for (const each of [folder, nextOf(folder)]) await rm(each, { recursive: true, force: true })
}
