import { disk, fileExists, listFolder, platformName, writeFilesAtomic } from '#platform'
import { MedAwareError } from '../../core/errors.ts'
import { readArgument, withMethods } from '../../core/options.ts'
import { directoryFolder, diskFolder, type Folder, wholeFiles } from '../sources/folder.ts'

/** Files by their names, to be written. */
export type FileContents = ReadonlyMap<string, Uint8Array | string>

/** Where a run keeps its files: some of its own, and folders with some more. */
export interface RunStore {
  /** For messages. */
  readonly name: string
  /** Names of files and folders, sorted; none where nothing has been written. */
  list(): Promise<readonly string[]>
  /** What is in a folder of it, or in itself. @param folder Default: itself. */
  open(folder?: string): Folder
  /**
   * Writes files, each whole or not at all, in their order; what has the same name is replaced.
   * @param folder Which is made; '' for itself. @throws MedAwareError `disk`.
   */
  write(folder: string, files: FileContents): Promise<void>
  /** Adds to the end of a file of its own, which it makes. @throws MedAwareError `disk`. */
  append(fileName: string, content: string | Uint8Array): Promise<void>
  /**
   * Removes a file or a folder with all that is in it, if there is one. @param first In the folder, that goes first.
   * @throws MedAwareError `disk`.
   */
  remove(name: string, first?: string): Promise<void>
}

/** A directory's path (Node), or a directory that the user opened to a page or its private one (OPFS). */
export type RunDirectory = string | FileSystemDirectoryHandle

/** A directory, or a store. */
export type RunPlace = RunDirectory | RunStore

const storeRule = withMethods<RunStore>("a directory's path, a directory's handle, or a store", ['list', 'write'])

/**
 * The store at a place. @param who Begins an error's sentence. @param argument The caller's name for the place.
 * @throws MedAwareError `config` for what is none, `unsupported` for a path in a page.
 */
export function runStore(who: string, place: RunPlace, argument = 'outputDir'): RunStore {
  if (typeof place === 'string' && place !== '') return diskStore(who, place, argument)
  if (typeof place === 'object' && place !== null && 'getFileHandle' in place) return directoryStore(place)
  return readArgument(who, argument, place, storeRule)
}

function diskStore(who: string, path: string, argument: string): RunStore {
  const files = disk
  if (files === null) {
    const remedy = 'give a directory, such as await navigator.storage.getDirectory()'
    throw new MedAwareError(
      'unsupported',
      `${who}: ${argument} ${path} is a path, which a ${platformName} has none of; ${remedy}`,
    )
  }
  const at = (name: string) => (name === '' ? path : `${path}/${name}`)
  return {
    name: path,
    list: async () => ((await fileExists(path)) ? listFolder(path) : []),
    open: (folder = '') => diskFolder(at(folder)),
    write: (folder, contents) => writeFilesAtomic(at(folder), wholeFiles(contents)),
    append: async (fileName, content) => {
      await files.makeFolder(path)
      await files.append(at(fileName), content)
    },
    remove: async (name, first) => {
      if (first !== undefined) await files.remove(`${at(name)}/${first}`)
      await files.removeFolder(at(name))
    },
  }
}

function directoryStore(directory: FileSystemDirectoryHandle): RunStore {
  const root = directoryFolder(directory)
  const handleOf = async (folder: string) => {
    return folder === '' ? directory : directory.getDirectoryHandle(folder, { create: true })
  }
  const attempt = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      if (!(cause instanceof DOMException)) throw cause
      const remedy = cause.name === 'QuotaExceededError' ? '; free some room for this page' : ''
      throw new MedAwareError('disk', `${directory.name}/${name} cannot be written: ${cause.message}${remedy}`, {
        cause,
      })
    }
  }
  const put = async (
    handle: FileSystemDirectoryHandle,
    name: string,
    content: string | Uint8Array,
    at: number | null,
  ) => {
    const file = await handle.getFileHandle(name, { create: true })
    // What is written is another file until it is closed, and takes the place of the first one then.
    const stream = await file.createWritable({ keepExistingData: at !== null })
    if (at !== null) await stream.seek(at)
    await stream.write(typeof content === 'string' ? content : new Uint8Array(content))
    await stream.close()
  }
  return {
    name: directory.name === '' ? 'the private folder of this page' : directory.name,
    async list() {
      const names: string[] = []
      for await (const name of directory.keys()) names.push(name)
      return names.sort()
    },
    open: (folder = '') => (folder === '' ? root : lazyFolder(directory, folder)),
    write: (folder, contents) =>
      attempt(folder, async () => {
        const handle = await handleOf(folder)
        for (const [name, content] of contents) await put(handle, name, content, null)
      }),
    append: (fileName, content) =>
      attempt(fileName, async () => {
        const there = await directory.getFileHandle(fileName, { create: true })
        await put(directory, fileName, content, (await there.getFile()).size)
      }),
    remove: (name, first) =>
      attempt(name, async () => {
        try {
          if (first !== undefined) await (await directory.getDirectoryHandle(name)).removeEntry(first)
        } catch (cause) {
          if (!isMissing(cause)) throw cause
        }
        await directory.removeEntry(name, { recursive: true }).catch((cause: unknown) => {
          if (!isMissing(cause)) throw cause
        })
      }),
  }
}

/** A folder in a directory, which is looked up when it is read. */
function lazyFolder(directory: FileSystemDirectoryHandle, folder: string): Folder {
  const opened = async (): Promise<Folder | null> => {
    try {
      return directoryFolder(await directory.getDirectoryHandle(folder))
    } catch (cause) {
      if (isMissing(cause)) return null
      throw cause
    }
  }
  const name = `${directory.name}/${folder}`
  return {
    name,
    has: async (fileName) => (await opened())?.has(fileName) ?? false,
    async open(fileName) {
      const there = await opened()
      if (there === null) throw new MedAwareError('not-found', `${name}: no ${fileName}`)
      return there.open(fileName)
    },
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === 'NotFoundError'
}
