import { cachedModelFolder } from '../../core/cached-model.ts'
import type { CacheStore } from '../../platform/cache-store.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import type { HubModel } from './hub-address.ts'

/**
 * A model's folder in huggingface_hub's cache, as its file_download.py lays it out: `blobs/<etag>`, `refs/<revision>`
 * that holds a commit, `snapshots/<commit>/<file>` that links to a blob, and empty files `.no_exist/<commit>/<file>`.
 */
export class HubCache {
  readonly folder: string

  constructor(
    readonly store: CacheStore,
    cacheFolder: string,
    { name }: HubModel,
  ) {
    this.folder = `${cacheFolder}/${cachedModelFolder(name)}`
  }

  /** The commit a branch or tag stood for when it was last asked for; null when it never was. */
  async commitOf(revision: string): Promise<string | null> {
    return (await this.store.readText(`${this.folder}/refs/${revision}`))?.trim() ?? null
  }

  /** Notes the commit of a branch or tag. A cache that may only be read stays as it is. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return
    await this.store.writeText(`${this.folder}/refs/${revision}`, commit).catch(() => undefined)
  }

  /** Whether a file of a commit is there. */
  find(commit: string, fileName: string): Promise<boolean> {
    return this.store.has(this.#snapshot(commit, fileName))
  }

  /** A file of a commit that is there. @throws MedAwareError `format` for one that is not as it was written. */
  open(commit: string, fileName: string): Promise<ByteSource> {
    return this.store.open(this.#snapshot(commit, fileName))
  }

  /** Whether any file of a commit is there. */
  async has(commit: string): Promise<boolean> {
    return this.store.isFolder(`${this.folder}/snapshots/${commit}`)
  }

  /** Whether it was noted that a commit has no such file. */
  async isKnownMissing(commit: string, fileName: string): Promise<boolean> {
    return this.store.has(`${this.folder}/.no_exist/${commit}/${fileName}`)
  }

  /** Notes that a commit has no such file. */
  async setMissing(commit: string, fileName: string): Promise<void> {
    await this.store.writeText(`${this.folder}/.no_exist/${commit}/${fileName}`, '').catch(() => undefined)
  }

  /** Where the bytes of a version lie. */
  blob(etag: string): string {
    return `${this.folder}/blobs/${etag}`
  }

  /** Removes a file of a commit, and the bytes that it stands for. */
  async forget(commit: string, fileName: string): Promise<void> {
    const path = this.#snapshot(commit, fileName)
    const blob = await this.store.target(path)
    await this.store.remove(path)
    if (blob !== null) await this.store.remove(blob)
  }

  /** How sentences call it. */
  get place(): string {
    return this.store.name ?? this.folder
  }

  /** Lets a file of a commit stand for a blob. */
  link(commit: string, fileName: string, etag: string): Promise<void> {
    return this.store.link(this.blob(etag), this.#snapshot(commit, fileName))
  }

  #snapshot(commit: string, fileName: string): string {
    return `${this.folder}/snapshots/${commit}/${fileName}`
  }
}
