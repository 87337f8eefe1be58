import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { MedAwareError } from 'peft-medaware'
import { lockFolder } from './run-lock.ts'

/** A folder of records by key, each in a file, which several processes may fill at once. */
export class Records {
  constructor(readonly path: string) {}

  /** The record of a key, null where there is none yet. */
  async read(key: string): Promise<unknown> {
    return readJson(this.#fileOf(key))
  }

  /** All records whose keys begin so. */
  async all(prefix: string): Promise<readonly unknown[]> {
    const names = existsSync(this.path) ? await readdir(this.path) : []
    const own = names.filter((name) => name.startsWith(prefix) && name.endsWith('.json')).sort()
    return Promise.all(own.map((name) => readJson(join(this.path, name))))
  }

  /**
   * Makes a record unless it is there; what `make` leaves in its folder when it breaks off is there the next time.
   * @returns null where another process is at it.
   */
  async make<T>(key: string, make: (folder: string) => Promise<T>): Promise<T | null> {
    const there = await this.read(key)
    if (there !== null) return there as T
    const folder = join(this.path, `run-${key}`)
    if (!(await isOurs(folder))) return null
    // It may have ended there between the look and the lock.
    const record = ((await this.read(key)) as T | null) ?? (await make(folder))
    await writeJson(this.#fileOf(key), record)
    await rm(folder, { recursive: true, force: true })
    return record
  }

  /** The same, and where another process is at it, waits for that. */
  async made<T>(key: string, make: (folder: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const record = await this.make(key, make)
      if (record !== null) return record
      await setTimeout(1000, undefined, { signal })
    }
  }

  #fileOf(key: string): string {
    return join(this.path, `${key}.json`)
  }
}

/** What tells one text from another: names a record by all that it depends on. */
export function digestOf(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Takes a folder, unless another process has it. */
export async function isOurs(folder: string): Promise<boolean> {
  try {
    await lockFolder(folder)
    return true
  } catch (error) {
    if (error instanceof MedAwareError && error.code === 'config') return false
    throw error
  }
}

/** Writes JSON beside its place first. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.part`, `${JSON.stringify(value)}\n`)
  await rename(`${path}.part`, path)
}

/** null where there is no such file. */
export async function readJson(path: string): Promise<unknown> {
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as unknown) : null
}
