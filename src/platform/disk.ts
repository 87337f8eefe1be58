/** What a digest is taken of: the bytes of a file, behind a prefix. */
export interface DigestKind {
  readonly algorithm: 'sha1' | 'sha256'
  readonly prefix: string
}

/** A file that is written at its end. */
export interface GrowingFile {
  /** Bytes in it, those of an earlier time included. */
  readonly byteLength: number
  append(bytes: Uint8Array): Promise<void>
  /** Starts it anew. */
  clear(): Promise<void>
  /** Makes sure of the disk, closes it, and gives the digest of all that is in it, in hexadecimal digits. */
  finish(): Promise<string>
  /** Closes it as it is, also after `finish`. */
  close(): Promise<void>
}

/**
 * What a cache on disk is made of; `writeFileAtomic` and its like are the platform's own.
 * @throws MedAwareError `not-found`, `disk` when there is no room or no permission.
 */
export interface Disk {
  /** The user's folder. */
  readonly home: string
  /** This program among those that may share a folder: plain letters, digits, dots and hyphens. */
  readonly processName: string
  /** Whether the program of a name is known to have ended; of one on another machine that is never known. */
  hasEnded(processName: string): boolean
  isFolder(path: string): Promise<boolean>
  /** The path that a `file:` address means. @throws MedAwareError `config` for one of another machine. */
  pathOf(url: URL): string
  /** When a file was last written to, in milliseconds since 1970; null when it is not there. */
  writtenAt(path: string): Promise<number | null>
  /** Bytes there is room for where a folder lies, or null where the system does not say. */
  freeBytes(folder: string): Promise<number | null>
  makeFolder(path: string): Promise<void>
  /** Gives a file another name, in one step; false when it is not there, so of several that move it one succeeds. */
  move(path: string, to: string): Promise<boolean>
  /** Removes a file, if there is one. */
  remove(path: string): Promise<void>
  /** Removes a folder with all that is in it, if there is one. */
  removeFolder(path: string): Promise<void>
  /** Adds a text to the end of a file, which it makes. */
  append(path: string, text: string | Uint8Array): Promise<void>
  /** Opens a file to add to it, or makes it. */
  grow(path: string, digest: DigestKind): Promise<GrowingFile>
  /**
   * Lets `path` stand for another file: a relative link, a copy where the system has none. Leaves what is there
   * already.
   */
  link(file: string, path: string): Promise<void>
}
