import type { Shelf } from './shelf.ts'

/** The origin private file system: a folder of files that only this origin sees. */
export class OpfsShelf implements Shelf {
  readonly name = "this browser's file system for the page (OPFS)"
  readonly #root: FileSystemDirectoryHandle

  private constructor(root: FileSystemDirectoryHandle) {
    this.#root = root
  }

  /** @throws what the browser says, where it has none or lets this page have none. */
  static async open(): Promise<OpfsShelf> {
    return new OpfsShelf(await navigator.storage.getDirectory())
  }

  async read(path: string): Promise<Blob | null> {
    return orNull(async () => {
      const { folder, name } = await this.#place(path)
      return (await folder.getFileHandle(name)).getFile()
    })
  }

  async write(path: string, content: Blob | Uint8Array<ArrayBuffer> | string): Promise<void> {
    const { folder, name } = await this.#place(path, true)
    const file = await folder.getFileHandle(name, { create: true })
    try {
      await writeWhole(file, content)
    } catch (error) {
      // An empty file takes no room, and whoever reads it sees that it is no piece.
      await folder.removeEntry(name).catch(() => undefined)
      throw error
    }
  }

  async remove(path: string): Promise<void> {
    await orNull(async () => {
      const { folder, name } = await this.#place(path)
      await folder.removeEntry(name, { recursive: true })
    })
  }

  async list(path: string): Promise<string[]> {
    const names: string[] = []
    const folder = await orNull(() => this.#folder(path.split('/')))
    if (folder !== null) for await (const name of folder.keys()) names.push(name)
    return names.sort()
  }

  async isFolder(path: string): Promise<boolean> {
    return (await this.list(path)).length > 0
  }

  async #place(path: string, create = false): Promise<{ folder: FileSystemDirectoryHandle; name: string }> {
    const folders = path.split('/')
    const name = folders.pop() ?? ''
    return { folder: await this.#folder(folders, create), name }
  }

  async #folder(names: readonly string[], create = false): Promise<FileSystemDirectoryHandle> {
    let folder = this.#root
    for (const name of names) folder = await folder.getDirectoryHandle(name, { create })
    return folder
  }
}

/** What a worker of Safari before 26 has in place of `createWritable`; the DOM's types have it in those of workers. */
interface SyncAccess {
  createSyncAccessHandle(): Promise<{
    truncate(size: number): void
    write(bytes: Uint8Array): number
    flush(): void
    close(): void
  }>
}

async function writeWhole(
  file: FileSystemFileHandle | (FileSystemHandle & SyncAccess),
  content: Blob | Uint8Array<ArrayBuffer> | string,
): Promise<void> {
  if ('createWritable' in file) {
    const stream = await file.createWritable()
    try {
      await stream.write(content)
      // What was written before is replaced here, in one step.
      await stream.close()
      return
    } catch (error) {
      await stream.abort().catch(() => undefined)
      throw error
    }
  }
  const access = await file.createSyncAccessHandle()
  try {
    access.truncate(0)
    const bytes = new Uint8Array(await new Blob([content]).arrayBuffer())
    if (access.write(bytes) < bytes.length)
      throw new DOMException('the file was not written whole', 'QuotaExceededError')
    access.flush()
  } finally {
    access.close()
  }
}

async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DOMException && ['NotFoundError', 'TypeMismatchError'].includes(error.name)) return null
    throw error
  }
}
