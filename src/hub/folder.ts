import { fileExists, fileSource, writeFilesAtomic } from '#platform'
import { MedAwareError } from '../core/errors.ts'
import type { FileToWrite } from '../platform/platform.ts'
import { openSafetensors, type TensorReader } from '../safetensors/reader.ts'
import { blobSource } from '../safetensors/source.ts'
import type { ByteSource } from '../safetensors/source.ts'

/** Files under plain names: a directory on disk, or files a page was given. */
export interface Folder {
  readonly name: string
  has(fileName: string): Promise<boolean>
  /** @throws MedAwareError `not-found`. */
  open(fileName: string): Promise<ByteSource>
}

/** A directory on disk (Node only). */
export function diskFolder(path: string): Folder {
  const at = (fileName: string) => `${path}/${fileName}`
  return { name: path, has: (fileName) => fileExists(at(fileName)), open: (fileName) => fileSource(at(fileName)) }
}

/** Files picked or dropped in a page; directories they came in are ignored. */
export function fileFolder(files: Iterable<File>): Folder {
  const byName = new Map([...files].map((file) => [file.name, file]))
  const name = 'the given files'
  return {
    name,
    has: (fileName) => Promise.resolve(byName.has(fileName)),
    open: (fileName) => {
      const file = byName.get(fileName)
      if (file) return Promise.resolve(blobSource(file, fileName))
      return Promise.reject(
        new MedAwareError('not-found', `${name}: no ${fileName}; there are ${[...byName.keys()].join(', ') || 'none'}`),
      )
    },
  }
}

/** A directory the user opened to a page. */
export function directoryFolder(directory: FileSystemDirectoryHandle): Folder {
  const { name } = directory
  const find = async (fileName: string): Promise<File | null> => {
    try {
      return await (await directory.getFileHandle(fileName)).getFile()
    } catch (error) {
      if (error instanceof DOMException && ['NotFoundError', 'TypeMismatchError'].includes(error.name)) return null
      throw error
    }
  }
  return {
    name,
    has: async (fileName) => (await find(fileName)) !== null,
    async open(fileName) {
      const file = await find(fileName)
      if (file === null) throw new MedAwareError('not-found', `${name}: no ${fileName}`)
      return blobSource(file, fileName)
    },
  }
}

/** Whether a file that is being opened is there. */
export async function isThere(opening: Promise<ByteSource>): Promise<boolean> {
  try {
    await (await opening).close?.()
    return true
  } catch (error) {
    if (error instanceof MedAwareError && error.code === 'not-found') return false
    throw error
  }
}

/** Opens a safetensors file; one that is none is closed again. @throws MedAwareError `not-found`, or as `openSafetensors`. */
export async function openTensors(folder: Folder, fileName: string): Promise<TensorReader> {
  const source = await folder.open(fileName)
  try {
    return await openSafetensors(source)
  } catch (error) {
    await source.close?.()
    throw error
  }
}

/** Reads a whole UTF-8 file. @throws MedAwareError `not-found`. */
export async function readText(folder: Folder, fileName: string): Promise<string> {
  const source = await folder.open(fileName)
  try {
    return new TextDecoder().decode(await source.read(0, source.byteLength))
  } finally {
    await source.close?.()
  }
}

/** Reads a JSON object. @throws MedAwareError `not-found`, or `format` when it is not one. */
export async function readJson(folder: Folder, fileName: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(folder, fileName)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw new MedAwareError('format', `${folder.name}: ${fileName} is not JSON`, { cause })
  }
  throw new MedAwareError('format', `${folder.name}: ${fileName} holds no JSON object`)
}

/** Files that are there whole, to be written. */
export function wholeFiles(contents: ReadonlyMap<string, Uint8Array | string>): FileToWrite[] {
  return [...contents].map(([name, content]) => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    return {
      ...{ name, byteLength: bytes.length },
      pieces: async function* () {
        yield bytes
      },
    }
  })
}

/** Writes files into a directory (Node only), all of them or, where one cannot be written, none. @throws as `writeFilesAtomic`. */
export async function writeFolder(path: string, files: ReadonlyMap<string, Uint8Array | string>): Promise<void> {
  await writeFilesAtomic(path, wholeFiles(files))
}
