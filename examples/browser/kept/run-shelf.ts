import type { RunRecord } from '../run/training.ts'
import type { RunData } from '../pairs.ts'
import { readRecord } from './read-record.ts'

/** A run as it lies here. */
export interface KeptRun {
  readonly record: RunRecord
  /** What the person calls it. */
  readonly name: string
  /** Milliseconds of the clock. */
  readonly savedAt: number
  readonly bytes: number
  /** Its newest checkpoint, with the adapter. */
  readonly directory: FileSystemDirectoryHandle
}

const names = { data: 'data.json', record: 'record.json', title: 'name.txt' } as const
const stepName = (step: number) => `step-${step}`

/**
 * Runs in the private folder that the browser has for this page (OPFS): a folder for each, in it the pairs it learns
 * and a folder for its newest step. A step counts when its record is there, which comes last, so that a tab may be
 * closed at any moment.
 */
export class RunShelf {
  private constructor(private readonly root: FileSystemDirectoryHandle) {}

  /** @returns null where this browser lets the page keep nothing, as some private windows do. */
  static async open(): Promise<RunShelf | null> {
    const canWrite = typeof FileSystemFileHandle === 'function' && 'createWritable' in FileSystemFileHandle.prototype
    if (!canWrite || !('locks' in navigator)) return null
    try {
      const own = await navigator.storage.getDirectory()
      return new RunShelf(await own.getDirectoryHandle('medaware-runs', { create: true }))
    } catch {
      return null
    }
  }

  /** The runs whose record is whole, the newest first. */
  async list(): Promise<KeptRun[]> {
    const found: KeptRun[] = []
    for await (const id of this.root.keys()) {
      const kept = await this.#newest(id)
      if (kept !== null) found.push(kept)
    }
    return found.sort((a, b) => b.savedAt - a.savedAt)
  }

  /** What a run learns, and what is kept apart. @throws Error where that is gone. */
  async dataOf(id: string): Promise<RunData> {
    const file = await this.#text(await this.root.getDirectoryHandle(id), names.data)
    return JSON.parse(file ?? '') as RunData
  }

  /** Makes room for a new run. @throws DOMException where there is none. */
  async begin(id: string, data: RunData): Promise<void> {
    const folder = await this.root.getDirectoryHandle(id, { create: true })
    await write(folder, names.data, JSON.stringify(data))
  }

  /**
   * Keeps a step of a run in the place of the one before, whose weights stay until these are whole.
   * @param fill Writes its files into a directory; not called where this step is kept already.
   */
  async save(record: RunRecord, fill: (directory: FileSystemDirectoryHandle) => Promise<void>): Promise<void> {
    const folder = await this.root.getDirectoryHandle(record.id, { create: true })
    const name = stepName(record.step)
    const directory = await folder.getDirectoryHandle(name, { create: true })
    if ((await this.#text(directory, names.record)) === null) await fill(directory)
    await write(directory, names.record, JSON.stringify(record))
    const old: string[] = []
    for await (const other of folder.keys()) if (other.startsWith('step-') && other !== name) old.push(other)
    for (const other of old) await remove(folder, other)
  }

  async rename(id: string, name: string): Promise<void> {
    await write(await this.root.getDirectoryHandle(id), names.title, name)
  }

  async remove(id: string): Promise<void> {
    await remove(this.root, id)
  }

  async #newest(id: string): Promise<KeptRun | null> {
    const folder = await this.root.getDirectoryHandle(id)
    const steps: number[] = []
    for await (const name of folder.keys()) {
      const [, step] = /^step-(\d+)$/.exec(name) ?? []
      if (step !== undefined) steps.push(Number(step))
    }
    for (const step of steps.sort((a, b) => b - a)) {
      const directory = await folder.getDirectoryHandle(stepName(step))
      const record = readRecord(await this.#text(directory, names.record))
      if (record === null) continue
      const { bytes, savedAt } = await measured(directory)
      const own = await this.#text(folder, names.title)
      return { record, name: own ?? record.model.name, savedAt, bytes, directory }
    }
    return null
  }

  async #text(folder: FileSystemDirectoryHandle, name: string): Promise<string | null> {
    try {
      return await (await (await folder.getFileHandle(name)).getFile()).text()
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotFoundError') return null
      throw error
    }
  }
}

/** How large the files of a folder are, and when the last was written. */
async function measured(folder: FileSystemDirectoryHandle): Promise<{ bytes: number; savedAt: number }> {
  let [bytes, savedAt] = [0, 0]
  for await (const handle of folder.values()) {
    if (!(handle instanceof FileSystemFileHandle)) continue
    const { size, lastModified } = await handle.getFile()
    bytes += size
    savedAt = Math.max(savedAt, lastModified)
  }
  return { bytes, savedAt }
}

/** Writes a file, whole or not at all. */
async function write(folder: FileSystemDirectoryHandle, name: string, content: string): Promise<void> {
  const stream = await (await folder.getFileHandle(name, { create: true })).createWritable()
  await stream.write(content)
  await stream.close()
}

async function remove(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name, { recursive: true })
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error
  }
}
