import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MedAwareError, writeFolder } from 'peft-medaware'
import type { Version } from '../store/version-table.ts'
import type { GateLosses } from './gate.ts'
import type { RoundMix } from './compose-round.ts'

/** What a round will do, written before it begins, so that it goes on as it began. */
export interface RoundPlan {
  readonly version: number
  readonly parent: number
  readonly corrections: readonly number[]
  readonly preferences: readonly number[]
  readonly settings: RoundSettings
}

/** How a round trains and measures. */
export interface RoundSettings {
  readonly mix: RoundMix
  readonly learningRate: number
  readonly dpoLearningRate: number
  readonly dpoPasses: number
  readonly beta: number
  readonly batchSize: number
  readonly maxLength: number
  /** Questions held out, and on guard. */
  readonly heldOut: number
  readonly guard: number
  readonly seed: number
}

const adapterFiles = ['README.md', 'adapter_config.json', 'adapter_model.safetensors']

/** Where the adapter of a version lies. */
export const versionFolder = (folder: string, version: number) => join(folder, 'versions', String(version))
/** Where the round that is under way works. */
export const roundFolder = (folder: string) => join(folder, 'round')

/** The adapter of a version; null where it is the base alone. */
export function adapterOf(folder: string, { id }: Pick<Version, 'id'>): string | null {
  const path = versionFolder(folder, id)
  return existsSync(join(path, 'adapter_config.json')) ? path : null
}

/** Copies an adapter into the folder of a version, whole or not at all, with what else is to be kept of it. */
export async function keepAdapter(
  from: string,
  to: string,
  others: Readonly<Record<string, string>> = {},
): Promise<void> {
  const files = new Map<string, Uint8Array | string>(Object.entries(others))
  for (const name of adapterFiles) {
    const path = join(from, name)
    if (existsSync(path)) files.set(name, await readFile(path))
    else if (name !== 'README.md') throw new MedAwareError('not-found', `${from} is no adapter: ${name} is missing`)
  }
  await writeFolder(to, files)
}

/** The round that is under way; null for none. */
export async function readPlan(folder: string): Promise<RoundPlan | null> {
  return readJson<RoundPlan>(join(roundFolder(folder), 'plan.json'))
}

export async function writePlan(folder: string, plan: RoundPlan): Promise<void> {
  await writeFolder(roundFolder(folder), new Map([['plan.json', `${JSON.stringify(plan, null, 2)}\n`]]))
}

export async function removeRound(folder: string): Promise<void> {
  await rm(roundFolder(folder), { recursive: true, force: true })
}

/** What a version's losses were when it was made; null where nobody measured. */
export async function readLosses(folder: string, version: number): Promise<GateLosses | null> {
  return readJson<GateLosses>(join(versionFolder(folder, version), 'losses.json'))
}

async function readJson<T>(path: string): Promise<T | null> {
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as T) : null
}
