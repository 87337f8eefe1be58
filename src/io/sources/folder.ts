import { fileExists, fileSource, writeFilesAtomic } from '#platform'
import { explainBlob } from '../../core/blob-errors.ts'
import { check, MedAwareError } from '../../core/errors.ts'
import { decodeUtf8, type JsonObject, parseJsonObject } from '../../core/json.ts'
import { iterableOf, listOf, readArgument, type Rule, text, that, withMethods } from '../../core/options.ts'
import { show, showNames } from '../../core/show.ts'
import type { ModelOrigin } from '../../models/causal-lm.ts'
import type { FileToWrite } from '../../platform/platform.ts'
import { openSafetensors, type TensorReader } from '../../safetensors/reader.ts'
import { blobSource } from '../../safetensors/source.ts'
import type { ByteSource } from '../../safetensors/source.ts'

/** Files under plain names: a directory on disk, or files a page was given. */
export interface Folder {
  readonly name: string
  /**
   * Where others find the same: what an adapter writes down as its base. Only of folders that have a path or a name on
   * the Hub.
   */
  readonly origin?: ModelOrigin
  has(fileName: string): Promise<boolean>
  /**
   * @param mostBytes That the file may have. A folder that would bring a larger one here first refuses it instead.
   * @throws MedAwareError `not-found`.
   */
  open(fileName: string, mostBytes?: number): Promise<ByteSource>
  /** The weights, where they are in no safetensors file. Default: they are. */
  tensors?(): Promise<TensorReader>
  /** What is odd but not wrong about the files, for who reads the tokenizer to tell. Default: nothing. */
  warnings?(): Promise<readonly string[]>
}

/** Bytes that a file of JSON may have: what is read whole is believed to be small. */
const mostConfigBytes = 16 * 1024 * 1024
/** The same of a vocabulary, or of a list of tensors or examples. */
const mostListBytes = 512 * 1024 * 1024
const lists: readonly string[] = ['tokenizer.json', 'model.safetensors.index.json', 'trainer_state.json']

const chosenFile: Rule<File> = that('a File', (value): value is File => value instanceof Blob && 'name' in value)
const manyFiles = iterableOf<File>('a list of files')
const directoryHandle = withMethods<FileSystemDirectoryHandle>('a FileSystemDirectoryHandle', ['getFileHandle'])

/** A directory on disk (Node only). */
export function diskFolder(path: string): Folder {
  readArgument('diskFolder', 'path', path, text)
  const at = (fileName: string) => `${path}/${fileName}`
  return {
    name: path,
    origin: { nameOrPath: path, revision: null },
    has: (fileName) => fileExists(at(fileName)),
    open: (fileName) => fileSource(at(fileName)),
  }
}

/**
 * Files picked or dropped in a page. Of several with one name, as in a directory of directories, the outermost is
 * meant.
 */
export function fileFolder(files: Iterable<File>): Folder {
  const some = readArgument('fileFolder', 'files', files, manyFiles)
  const given = readArgument('fileFolder', 'files', [...some], listOf(chosenFile))
  const name = 'the given files'
  const depth = (file: File): number => file.webkitRelativePath?.split('/').length ?? 0
  const find = (fileName: string): File | undefined => {
    const found = given.filter((file) => file.name === fileName).sort((a, b) => depth(a) - depth(b))
    const [first, second] = found
    check(first === undefined || second === undefined || depth(first) < depth(second), 'config', () => {
      return `${name}: ${found.length} are called ${fileName}; give those of one folder`
    })
    return first
  }
  return {
    name,
    has: async (fileName) => find(fileName) !== undefined,
    async open(fileName) {
      const file = find(fileName)
      const there = given.map((each) => each.name)
      check(file !== undefined, 'not-found', () => {
        return `${name}: no ${fileName}; there are ${there.length === 0 ? 'none' : showNames(there)}`
      })
      return blobSource(file, fileName)
    },
  }
}

/** A directory the user opened to a page. */
export function directoryFolder(directory: FileSystemDirectoryHandle): Folder {
  const { name } = readArgument('directoryFolder', 'directory', directory, directoryHandle)
  const find = async (fileName: string): Promise<File | null> => {
    try {
      return await (await directory.getFileHandle(fileName)).getFile()
    } catch (error) {
      if (error instanceof DOMException && ['NotFoundError', 'TypeMismatchError'].includes(error.name)) return null
      throw explainBlob(`${name}/${fileName}`, error)
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

/**
 * Opens a safetensors file; one that is none is closed again. @throws MedAwareError `not-found`, or as
 * `openSafetensors`.
 */
export async function openTensors(folder: Folder, fileName: string): Promise<TensorReader> {
  const source = await folder.open(fileName)
  try {
    return await openSafetensors(source)
  } catch (error) {
    await source.close?.()
    throw error
  }
}

/** The folder below another, by a path of plain names. */
export function subfolderOf(folder: Folder, path: string): Folder {
  return {
    name: `${folder.name}/${path}`,
    has: (fileName) => folder.has(`${path}/${fileName}`),
    open: (fileName, mostBytes) => folder.open(`${path}/${fileName}`, mostBytes),
  }
}

/**
 * Reads a whole UTF-8 file: of at most 16 MiB, or 512 MiB for a tokenizer, an index and a run's state.
 * @throws MedAwareError `not-found`, `format` for a larger one or other bytes.
 */
export async function readText(folder: Folder, fileName: string): Promise<string> {
  const mostBytes = lists.includes(fileName.slice(fileName.lastIndexOf('/') + 1)) ? mostListBytes : mostConfigBytes
  const source = await folder.open(fileName, mostBytes)
  try {
    const { name, byteLength } = source
    check(byteLength <= mostBytes, 'format', () => {
      return `${name}: has ${byteLength} bytes, more than the ${mostBytes} that such a file may have`
    })
    const decoded = decodeUtf8(`${folder.name}: ${fileName}`, await source.read(0, byteLength))
    return decoded.replace(/^\uFEFF/, '')
  } finally {
    await source.close?.()
  }
}

/** Reads a whole file, of any size. @throws MedAwareError `not-found`. */
export async function readBytes(folder: Folder, fileName: string): Promise<Uint8Array> {
  const source = await folder.open(fileName)
  try {
    return await source.read(0, source.byteLength)
  } finally {
    await source.close?.()
  }
}

/** Reads a model's config.json. @throws MedAwareError as `readJson`; `not-found` says how a GGUF file is named. */
export async function readModelConfig(folder: Folder): Promise<JsonObject> {
  try {
    return await readJson(folder, 'config.json')
  } catch (cause) {
    // A folder or a model that is not there itself is told as such.
    const isFile = cause instanceof MedAwareError && cause.code === 'not-found' && cause.message.includes('config.json')
    if (!isFile) throw cause
    const remedy = 'a model in one GGUF file is named by that file, as in folder/model.gguf'
    throw new MedAwareError('not-found', `${cause.message}; ${remedy}`, { cause })
  }
}

/** Reads a JSON object. @throws MedAwareError as `readText`, and `format` for what is none. */
export async function readJson(folder: Folder, fileName: string): Promise<JsonObject> {
  return parseJsonObject(`${folder.name}: ${fileName}`, await readText(folder, fileName))
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

const fileMap = that(
  'a Map of names to bytes or texts',
  (value): value is ReadonlyMap<string, Uint8Array | string> =>
    value instanceof Map &&
    [...(value as ReadonlyMap<unknown, unknown>)].every(
      ([name, content]) => typeof name === 'string' && (typeof content === 'string' || content instanceof Uint8Array),
    ),
)

/**
 * Writes files into a directory (Node only), all of them or, where one cannot be written, none. @throws as
 * `writeFilesAtomic`, `config`.
 */
export async function writeFolder(path: string, files: ReadonlyMap<string, Uint8Array | string>): Promise<void> {
  readArgument('writeFolder', 'path', path, text)
  readArgument('writeFolder', 'files', files, fileMap)
  for (const name of files.keys()) {
    const isBelow = name.split('/').every((part) => !/^\.{0,2}$|[\\\0]/.test(part))
    check(isBelow, 'config', () => `writeFolder: the name ${show(name)} leads out of the folder, or names no file`)
  }
  await writeFilesAtomic(path, wholeFiles(files))
}
