import type { ByteSource } from '../safetensors/source.ts'

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
 * Where downloads are kept, under paths: the disk in Node, what a browser lets an origin keep in a page.
 * @throws MedAwareError `disk` when there is no room or no permission.
 */
export interface CacheStore {
  /** How sentences call it; a store with a place on a disk is called by its folder. */
  readonly name: string | null
  /** What to do where there is no room, after "free some, or". */
  readonly remedy: string
  /** This program among those that may share a folder: plain letters, digits, dots and hyphens. */
  readonly processName: string
  /** Whether the program of a name is known to have ended; of one on another machine that is never known. */
  hasEnded(processName: string): Promise<boolean>
  /** Whether there is a file or folder of this path. */
  has(path: string): Promise<boolean>
  isFolder(path: string): Promise<boolean>
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): Promise<string[]>
  /** Bytes of a file; null where there is none. */
  byteLength(path: string): Promise<number | null>
  /** When a file was last written to, in milliseconds since 1970; null when it is not there. */
  writtenAt(path: string): Promise<number | null>
  /** A small file; null where there is none. */
  readText(path: string): Promise<string | null>
  /** Writes a small file, whole or not at all. Makes its folder. */
  writeText(path: string, text: string): Promise<void>
  /**
   * A file that is read in part. @throws MedAwareError `not-found`; `format` for one that is not as it was written, as
   * far as the store can tell.
   */
  open(path: string): Promise<ByteSource>
  /** Opens a file to add to it, or makes it, in a folder that is there. */
  grow(path: string, digest: DigestKind): Promise<GrowingFile>
  makeFolder(path: string): Promise<void>
  /** Gives a file another name, in one step; false when it is not there, so of several that move it one succeeds. */
  move(path: string, to: string): Promise<boolean>
  /** Removes a file, if there is one. */
  remove(path: string): Promise<void>
  /** Removes a folder with all that is in it, if there is one. */
  removeFolder(path: string): Promise<void>
  /** Lets `path` stand for another file. Leaves what is there already. */
  link(file: string, path: string): Promise<void>
  /** The file that a path stands for; null where it stands for none. */
  target(path: string): Promise<string | null>
  /** Bytes there is room for where a folder lies, or null where nobody says. */
  freeBytes(folder: string): Promise<number | null>
}

/** A store, or why there is none, as a sentence without a full stop. */
export type CacheAnswer = { readonly store: CacheStore } | { readonly reason: string }
