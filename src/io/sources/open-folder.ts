import { disk, fileExists, fileSource } from '#platform'
import { check, MedAwareError } from '../../core/errors.ts'
import { readArgument, readOptions, withMethods } from '../../core/options.ts'
import { encodePath, HttpClient, shownUrl } from '../../safetensors/http-client.ts'
import { blobSource } from '../../safetensors/source.ts'
import { parseAddress, sourceAt } from '../../safetensors/url-source.ts'
import { directoryFolder, diskFolder, fileFolder, type Folder, isThere, subfolderOf } from './folder.ts'
import { ggufFolder } from '../gguf/gguf-folder.ts'
import {
  completeAddress,
  type HubPlace,
  isGguf,
  parseHubAddress,
  parseModelName,
  partsOf,
} from '../huggingface/hub-address.ts'
import { folderOn } from '../huggingface/hub-folder.ts'
import { hubFolderRules, type HubFolderOptions } from '../huggingface/hub-folder-options.ts'
import { findHubSettings } from '../huggingface/hub-settings.ts'
import { relativeAddress } from './relative-address.ts'

/**
 * Where a model, an adapter or a checkpoint comes from:
 * - a directory's path (Node); one that begins with `/`, `./`, `../` or `~/`, or that is there, is always a path
 * - `owner/name` or `owner/name@revision` on the Hugging Face Hub: a branch, a tag or a commit, `main` when it is left
 *   out
 * - the address of a folder, whose files are read in parts by Range requests, or of a model's page on the Hub; in a
 *   page also a relative one: what begins with `/`, `./` or `../` is beside the page, as `fetch` has it, and beside its
 *   own script in a worker
 * - files a page was given, or a directory the user opened to it
 * - a GGUF file: its path, its address (in a page also `x.gguf` and `models/x.gguf`), `owner/name/file.gguf` or
 *   `owner/name/file.gguf@revision` on the Hub, a `File`, or one among the files that a page was given, where there is
 *   no config.json
 */
export type Source = string | URL | File | Iterable<File> | FileSystemDirectoryHandle | Folder

/**
 * Opens a source; nothing is read yet.
 * @throws MedAwareError `not-found` for a text that is no directory and cannot be a model's name; `config` for what is
 * no source.
 */
export async function openFolder(source: Source, options: HubFolderOptions = {}): Promise<Folder> {
  const read = readOptions('openFolder', options, hubFolderRules)
  if (source instanceof URL) return folderAt(source, read)
  if (typeof source === 'string') return folderOfText(source, read)
  if (isFile(source)) return ggufOfFile(source)
  if (isIterable(source)) return folderOfFiles(source)
  if (isDirectory(source)) return directoryFolder(source)
  return readArgument('openFolder', 'source', source, folderRule)
}

const folderRule = withMethods<Folder>("a directory's path, owner/name, an address, files, or a directory's handle", [
  'has',
  'open',
])

function isIterable(source: unknown): source is Iterable<File> {
  return typeof source === 'object' && source !== null && Symbol.iterator in source
}

function isFile(source: unknown): source is File {
  return source instanceof Blob && 'name' in source
}

/** @throws MedAwareError `config` for a file of another kind. */
function ggufOfFile(file: File): Folder {
  check(isGguf(file.name), 'config', () => `openFolder: ${file.name} is one file, and no .gguf; give all of its folder`)
  return ggufFolder({ name: file.name, open: async () => blobSource(file) })
}

async function folderOfFiles(given: Iterable<File>): Promise<Folder> {
  const files = [...given]
  const folder = fileFolder(files)
  const [gguf, second] = files.filter(({ name }) => isGguf(name))
  if (gguf === undefined || (await folder.has('config.json'))) return folder
  check(second === undefined, 'config', () => {
    return `openFolder: there are several GGUF files, such as ${gguf.name} and ${second?.name}; give one`
  })
  return ggufOfFile(gguf)
}

function isDirectory(source: unknown): source is FileSystemDirectoryHandle {
  return typeof source === 'object' && source !== null && 'getFileHandle' in source
}

async function folderOfText(given: string, options: HubFolderOptions): Promise<Folder> {
  const text = completeAddress(given)
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(text)) return folderAt(parseAddress('openFolder', text), options)
  if (disk !== null) {
    if (text.startsWith('~/')) return atPath(disk.home + text.slice(1))
    const isPath = /^(\.{0,2}[/\\]|\.{1,2}$|[a-z]:[/\\])/i.test(text)
    if (isPath || (await disk.isFolder(text)) || (isGguf(text) && (await fileExists(text)))) return atPath(text)
  }
  const beside = relativeAddress(text)
  if (beside !== null) return folderAt(beside, options)
  const place = parseModelName(text)
  if (place === null) {
    const looked = disk === null ? 'this page has no folders' : 'there is no such folder here'
    throw new MedAwareError(
      'not-found',
      `openFolder: ${looked}, and "${text}" is no model on the Hub, whose name is owner/name or owner/name@revision`,
    )
  }
  return explained(await folderOnHub(place, options), text)
}

function atPath(path: string): Folder {
  if (!isGguf(path)) return diskFolder(path)
  return ggufFolder({ name: path, origin: { nameOrPath: path, revision: null }, open: () => fileSource(path) })
}

/** A GGUF file of a folder, which others find under the folder's name and its own. */
function ggufIn(folder: Folder, fileName: string): Folder {
  const { name, origin } = folder
  const named = origin && { ...origin, nameOrPath: `${origin.nameOrPath}/${fileName}` }
  return ggufFolder({ name: `${name}/${fileName}`, origin: named, open: () => folder.open(fileName) })
}

async function folderOnHub({ subfolder, file, ...model }: HubPlace, options: HubFolderOptions): Promise<Folder> {
  const folder = await folderOn(model, options)
  const own = subfolder === '' ? folder : subfolderOf(folder, subfolder)
  return file === undefined ? own : ggufIn(own, file)
}

/** A folder of the Hub that says of a missing model where else it was looked for. */
function explained(folder: Folder, text: string): Folder {
  const retold = (error: unknown): never => {
    if (disk === null || !(error instanceof MedAwareError) || error.code !== 'not-found') throw error
    throw new MedAwareError('not-found', `openFolder: there is no folder "${text}" here; on the ${error.message}`, {
      cause: error,
    })
  }
  return {
    ...folder,
    has: (fileName) => folder.has(fileName).catch(retold),
    open: (fileName, mostBytes) => folder.open(fileName, mostBytes).catch(retold),
  }
}

/**
 * The files beside one another at an address, or the GGUF file there. A page of a model on the Hub stands for the
 * model.
 */
async function folderAt(address: URL, options: HubFolderOptions): Promise<Folder> {
  if (address.protocol === 'file:' && disk !== null) return atPath(disk.pathOf(address))
  parseAddress('openFolder', address)
  const settings = await findHubSettings(options.hub)
  const place = parseHubAddress(address, settings.endpoint)
  if (place !== null) return folderOnHub(place, options)
  const [fileName] = isGguf(address.pathname)
    ? partsOf(address.pathname, `openFolder: ${shownUrl(address)}`).slice(-1)
    : []
  const parent = new URL(address)
  if (fileName !== undefined) parent.pathname = address.pathname.replace(/[^/]+$/, '')
  const client = new HttpClient(settings, options.signal)
  const open = async (name: string, mostBytes?: number) => {
    const url = new URL(parent)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${encodePath(name)}`
    if (!settings.offline) return sourceAt(url, { client, mostBytes })
    throw new MedAwareError('network', `openFolder: ${shownUrl(url)} is not asked for, HF_HUB_OFFLINE is set`)
  }
  const folder = { name: shownUrl(parent).replace(/\/+$/, ''), has: (name: string) => isThere(open(name)), open }
  return fileName === undefined ? folder : ggufIn(folder, fileName)
}
