import { explainBlob } from '../../core/blob-errors.ts'
import { MedAwareError, messageOf } from '../../core/errors.ts'
import type { CacheStore, DigestKind, GrowingFile } from '../cache-store.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import { growParts } from './growing-parts.ts'
import { type KeptRecord, readRecord, writeRecord } from './record.ts'
import type { Shelf } from './shelf.ts'
import { openParts } from './parts-source.ts'

/** Opens a store on a shelf, and says to the origin's other pages and workers that this one lives. */
export async function openStore(shelf: Shelf): Promise<CacheStore> {
  const processName = `page.${Math.floor(Math.random() * 1e12)}`
  await holdLock(lockOf(processName))
  return new PageStore(shelf, processName)
}

/** Files of a page: each path has a record, which says what lies there (`record.ts`). */
class PageStore implements CacheStore {
  readonly name: string
  readonly remedy = 'delete models that are kept (cachedModels, deleteCachedModel)'
  readonly #shelf: Shelf

  constructor(
    shelf: Shelf,
    readonly processName: string,
  ) {
    this.#shelf = shelf
    this.name = shelf.name
  }

  /** Whoever lives holds a lock of that name. Where a browser has no locks, nobody is waited for. */
  async hasEnded(processName: string): Promise<boolean> {
    const held = (await navigator.locks?.query())?.held ?? []
    return processName !== this.processName && !held.some(({ name }) => name === lockOf(processName))
  }

  async has(path: string): Promise<boolean> {
    return (await this.#find(path)) !== null || (await this.isFolder(path))
  }

  isFolder(path: string): Promise<boolean> {
    return this.#attempt(path, () => this.#shelf.isFolder(path))
  }

  list(folder: string): Promise<string[]> {
    return this.#attempt(folder, () => this.#shelf.list(folder))
  }

  async byteLength(path: string): Promise<number | null> {
    const record = await this.#find(path)
    if (record === null) return null
    return 'file' in record ? record.file.byteLength : 'text' in record ? record.text.length : null
  }

  /** Always now: locks say who has ended, so that one that is slow is not taken for one that has. */
  async writtenAt(path: string): Promise<number | null> {
    return (await this.#find(path)) === null ? null : Date.now()
  }

  async readText(path: string): Promise<string | null> {
    const record = await this.#find(path)
    return record !== null && 'text' in record ? record.text : null
  }

  writeText(path: string, text: string): Promise<void> {
    return this.#attempt(path, () => writeRecord(this.#shelf, path, { text }))
  }

  async open(path: string): Promise<ByteSource> {
    const record = await this.#find(path)
    if (record === null || !('file' in record)) throw new MedAwareError('not-found', `${this.name} has no ${path}`)
    return this.#attempt(path, () => openParts(this.#shelf, path, record.file))
  }

  grow(path: string, digest: DigestKind): Promise<GrowingFile> {
    const explain = (error: unknown) => this.#explained(path, error)
    return this.#attempt(path, () => growParts(this.#shelf, path, digest, explain))
  }

  /** Folders come with what is in them. */
  async makeFolder(): Promise<void> {}

  move(path: string, to: string): Promise<boolean> {
    return this.#attempt(path, () =>
      alone(async () => {
        const record = await readRecord(this.#shelf, path)
        if (record === null) return false
        await writeRecord(this.#shelf, to, record)
        await this.#shelf.remove(path)
        return true
      }),
    )
  }

  async remove(path: string): Promise<void> {
    await this.#attempt(path, async () => {
      const record = await readRecord(this.#shelf, path)
      // First the record: a file without its parts would be found again, parts without a record are only lost room.
      await this.#shelf.remove(path)
      if (record !== null && 'file' in record) await this.#shelf.remove(record.file.parts)
    })
  }

  removeFolder(path: string): Promise<void> {
    return this.#attempt(path, () => this.#shelf.remove(path))
  }

  link(file: string, path: string): Promise<void> {
    return this.#attempt(path, () => writeRecord(this.#shelf, path, { link: file }))
  }

  async target(path: string): Promise<string | null> {
    const record = await this.#attempt(path, () => readRecord(this.#shelf, path))
    return record !== null && 'link' in record ? record.link : null
  }

  async freeBytes(): Promise<number | null> {
    try {
      const { quota, usage } = await navigator.storage.estimate()
      return quota === undefined ? null : Math.max(0, quota - (usage ?? 0))
    } catch {
      return null
    }
  }

  /** The record of a path, or of what it stands for; null where there is none. */
  async #find(path: string): Promise<KeptRecord | null> {
    const record = await this.#attempt(path, () => readRecord(this.#shelf, path))
    return record !== null && 'link' in record
      ? this.#attempt(path, () => readRecord(this.#shelf, record.link))
      : record
  }

  async #attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#explained(path, error)
    }
  }

  #explained(path: string, error: unknown): unknown {
    if (!(error instanceof DOMException || error instanceof TypeError)) return error
    const known = explainBlob(`${this.name}: ${path}`, error)
    if (known instanceof MedAwareError) return known
    return new MedAwareError('disk', `${this.name} cannot use ${path}, ${messageOf(error)}`, { cause: error })
  }
}

function lockOf(processName: string): string {
  return `peft-medaware ${processName}`
}

/** Holds a lock for as long as this page or worker lives. */
async function holdLock(name: string): Promise<void> {
  if (navigator.locks === undefined) return
  await new Promise<void>((resolve, reject) => {
    const hold = () => {
      resolve()
      return new Promise<never>(() => {})
    }
    navigator.locks.request(name, hold).catch(reject)
  })
}

/** Does what two pages must not do at once. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks === undefined ? work() : navigator.locks.request('peft-medaware moves', work)
}
