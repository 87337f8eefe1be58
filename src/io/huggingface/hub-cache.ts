import { fileExists, readTextFile, writeFileAtomic } from '#platform'
import type { Disk } from '../../platform/disk.ts'
import type { HubModel } from './hub-client.ts'

/**
 * A model's folder in huggingface_hub's cache, as its file_download.py lays it out: `blobs/<etag>`, `refs/<revision>`
 * that holds a commit, `snapshots/<commit>/<file>` that links to a blob, and empty files `.no_exist/<commit>/<file>`.
 */
export class HubCache {
  readonly folder: string

  constructor(
    readonly disk: Disk,
    cacheFolder: string,
    { name }: HubModel,
  ) {
    this.folder = `${cacheFolder}/models--${name.replaceAll('/', '--')}`
  }

  /** The commit a branch or tag stood for when it was last asked for; null when it never was. */
  async commitOf(revision: string): Promise<string | null> {
    const path = `${this.folder}/refs/${revision}`
    return (await fileExists(path)) && !(await this.disk.isFolder(path)) ? (await readTextFile(path)).trim() : null
  }

  /** Notes the commit of a branch or tag. A cache that may only be read stays as it is. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return
    await writeFileAtomic(`${this.folder}/refs/${revision}`, commit).catch(() => undefined)
  }

  /** Where a file of a commit is, when it is there. */
  async find(commit: string, fileName: string): Promise<string | null> {
    const path = this.#snapshot(commit, fileName)
    return (await fileExists(path)) ? path : null
  }

  /** Whether any file of a commit is there. */
  async has(commit: string): Promise<boolean> {
    return this.disk.isFolder(`${this.folder}/snapshots/${commit}`)
  }

  /** Whether it was noted that a commit has no such file. */
  async isKnownMissing(commit: string, fileName: string): Promise<boolean> {
    return fileExists(`${this.folder}/.no_exist/${commit}/${fileName}`)
  }

  /** Notes that a commit has no such file. */
  async setMissing(commit: string, fileName: string): Promise<void> {
    await writeFileAtomic(`${this.folder}/.no_exist/${commit}/${fileName}`, '').catch(() => undefined)
  }

  /** Where the bytes of a version lie. */
  blob(etag: string): string {
    return `${this.folder}/blobs/${etag}`
  }

  /** Lets a file of a commit stand for a blob. */
  async link(commit: string, fileName: string, etag: string): Promise<string> {
    const path = this.#snapshot(commit, fileName)
    await this.disk.link(this.blob(etag), path)
    return path
  }

  #snapshot(commit: string, fileName: string): string {
    return `${this.folder}/snapshots/${commit}/${fileName}`
  }
}
