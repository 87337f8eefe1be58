import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { checkpointFileNames, MedAwareError, restoreRun, saveRun, type TrainingRun, writeFolder } from 'peft-medaware'
import { emptyHistory, type History, type Validation } from './history.ts'

/** The adapter of the lowest validation loss so far, as PEFT's files. */
export interface Best extends Validation {
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** What a run has come to: what it reported, and the best adapter so far. */
export interface Progress {
  readonly history: History
  best: Best | null
}

/** Where a run begins. */
export const noProgress = (): Progress => ({ history: emptyHistory(), best: null })

const HISTORY = 'history.json'
const BEST = 'best'
const VALIDATION = 'validation.json'
const nextOf = (folder: string) => `${folder}.next`
const oldOf = (folder: string) => `${folder}.old`

/**
 * The whole checkpoint that is in `folder`, or beside it where a program ended in the midst of replacing it; null for
 * none.
 */
export function findCheckpoint(folder: string): string | null {
  const isWhole = (path: string) => Object.values(checkpointFileNames).every((name) => existsSync(`${path}/${name}`))
  return [folder, nextOf(folder), oldOf(folder)].find(isWhole) ?? null
}

/**
 * Refuses to begin a run over the checkpoint of another.
 * @throws MedAwareError `config`.
 */
export function checkFolder(folder: string, isResumed: boolean): void {
  const found = findCheckpoint(folder)
  if (found === null || isResumed) return
  const remedy = 'give --resume to go on with it, another --out, or remove it'
  throw new MedAwareError('config', `${found} holds a run that has not ended, and would be lost; ${remedy}`)
}

/**
 * Saves a run with its progress. The old checkpoint stays until the new one is whole beside it, and is renamed before
 * it goes.
 */
export async function saveProgress(run: TrainingRun, { history, best }: Progress, folder: string): Promise<void> {
  const next = nextOf(folder)
  if (findCheckpoint(folder) === next) {
    await rm(folder, { recursive: true, force: true })
    await rename(next, folder)
  }
  await rm(next, { recursive: true, force: true })
  try {
    await saveRun(run, next)
    if (best !== null) {
      const { step, loss } = best
      await writeFolder(`${next}/${BEST}`, new Map([...best.files, [VALIDATION, encode({ step, loss })]]))
    }
    await writeFolder(next, new Map([[HISTORY, encode(history)]]))
  } catch (error) {
    // A full disk has room again for the adapter, which is smaller.
    await rm(next, { recursive: true, force: true }).catch(() => undefined)
    throw error
  }
  await rm(oldOf(folder), { recursive: true, force: true })
  if (existsSync(folder)) await rename(folder, oldOf(folder))
  await rename(next, folder)
  await rm(oldOf(folder), { recursive: true, force: true })
}

/**
 * Brings a fresh run to where a checkpoint has it, and gives its progress by then.
 * @param warn Told in what the run is another without a change of its result, and what could not be read: reports,
 * which then begin here, or the best adapter so far.
 * @throws MedAwareError as `restoreRun`.
 */
export async function restoreProgress(
  run: TrainingRun,
  folder: string,
  warn: (text: string) => void,
): Promise<Progress> {
  const from = findCheckpoint(folder) ?? folder
  const { differences } = await restoreRun(run, from)
  for (const { name, was, is } of differences) warn(`the run goes on with another ${name}: it was ${was}, is ${is}`)
  const history = await readHistory(from).catch((error: unknown) => {
    warn(`${from}/${HISTORY} is torn or missing (${messageOf(error)}): reports begin at step ${run.step}`)
    return emptyHistory()
  })
  const best = await readBest(`${from}/${BEST}`).catch((error: unknown) => {
    warn(
      `${from}/${BEST} cannot be read (${messageOf(error)}): the best adapter is looked for from step ${run.step} on`,
    )
    return null
  })
  return { history, best }
}

/** Removes what a finished run no longer needs. */
export async function forgetProgress(folder: string): Promise<void> {
  for (const each of [folder, nextOf(folder), oldOf(folder)]) await rm(each, { recursive: true, force: true })
}

/** What a run ended in; where it can go on, with the checkpoint that is left of it. */
export function afterLoss(error: unknown, saved: number, folder: string): unknown {
  if (!(error instanceof MedAwareError) || (error.code !== 'device-lost' && error.code !== 'disk')) return error
  const remedy =
    saved === 0 ? 'nothing was saved yet' : `${folder} has step ${saved}: give the same options and --resume`
  return new MedAwareError(error.code, `${error.message}; ${remedy}`, { cause: error })
}

async function readHistory(folder: string): Promise<History> {
  const history = JSON.parse(await readFile(`${folder}/${HISTORY}`, 'utf8')) as Partial<History> | null
  if (!Array.isArray(history?.training) || !Array.isArray(history.validation)) throw new Error('it is no history')
  return { training: history.training, validation: history.validation }
}

async function readBest(folder: string): Promise<Best> {
  const { step, loss } = JSON.parse(await readFile(`${folder}/${VALIDATION}`, 'utf8')) as Partial<Validation>
  if (typeof step !== 'number' || typeof loss !== 'number') throw new Error('it does not say its loss')
  const names = (await readdir(folder)).filter((name) => name !== VALIDATION)
  const files = names.map(async (name) => [name, new Uint8Array(await readFile(`${folder}/${name}`))] as const)
  return { step, loss, files: new Map(await Promise.all(files)) }
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
