import type { CacheStore } from './cache-store.ts'

/** Files of the system, which outlast the program. */
export interface Disk extends CacheStore {
  /** The user's folder. */
  readonly home: string
  /** The path that a `file:` address means. @throws MedAwareError `config` for one of another machine. */
  pathOf(url: URL): string
  /** Adds a text to the end of a file, which it makes. */
  append(path: string, text: string | Uint8Array): Promise<void>
}
