/**
 * What a browser keeps for an origin: pieces of bytes under paths. A row for each way that there is (`shelves.ts`).
 * Its methods reject with what the browser says.
 */
export interface Shelf {
  /** How sentences call it. */
  readonly name: string
  /** Null where there is none. */
  read(path: string): Promise<Blob | null>
  write(path: string, content: Blob | Uint8Array<ArrayBuffer> | string): Promise<void>
  /** Removes a piece, or a folder with all below it; nothing where there is neither. */
  remove(path: string): Promise<void>
  /** Names of what is in a folder; none where there is no such folder. */
  list(folder: string): Promise<string[]>
  /** Whether anything is below it. */
  isFolder(path: string): Promise<boolean>
}
