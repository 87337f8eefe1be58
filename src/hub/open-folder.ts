import { disk } from '#platform'
import { MedAwareError } from '../core/errors.ts'
import { urlSource } from '../safetensors/url-source.ts'
import { diskFolder, directoryFolder, fileFolder, isThere, type Folder } from './folder.ts'
import { hubFolder, type HubFolderOptions } from './hub-folder.ts'
import type { HubModel } from './hub-client.ts'
import { findHubSettings } from './hub-settings.ts'

/**
 * Where a model, an adapter or a checkpoint comes from:
 * - a directory's path (Node); one that begins with `/`, `./`, `../` or `~/`, or that is there, is always a path
 * - `owner/name` or `owner/name@revision` on the Hugging Face Hub: a branch, a tag or a commit, `main` when it is left out
 * - the address of a folder, whose files are read in parts by Range requests, or of a model's page on the Hub
 * - files a page was given, or a directory the user opened to it
 */
export type Source = string | URL | Iterable<File> | FileSystemDirectoryHandle | Folder

/**
 * Opens a source; nothing is read yet.
 * @throws MedAwareError `not-found` for a text that is no directory and cannot be a model's name.
 */
export async function openFolder(source: Source, options: HubFolderOptions = {}): Promise<Folder> {
  if (source instanceof URL) return folderAt(source.href, options)
  if (typeof source === 'string') return folderOfText(source, options)
  if (Symbol.iterator in source) return fileFolder(source)
  return 'getFileHandle' in source ? directoryFolder(source) : source
}

async function folderOfText(text: string, options: HubFolderOptions): Promise<Folder> {
  if (/^https?:\/\//i.test(text)) return folderAt(text, options)
  if (disk !== null) {
    if (text.startsWith('~/')) return diskFolder(disk.home + text.slice(1))
    if (/^(\.{0,2}[/\\]|\.{1,2}$|[a-z]:[/\\])/i.test(text) || (await disk.isFolder(text))) return diskFolder(text)
  }
  const model = modelOf(text)
  if (model === null) {
    const looked = disk === null ? 'this page has no folders' : 'there is no such folder here'
    throw new MedAwareError(
      'not-found',
      `openFolder: ${looked}, and "${text}" is no model on the Hub, whose name is owner/name or owner/name@revision`,
    )
  }
  return explained(await hubFolder(model, options), text)
}

/** A model's name in `text`; null for what cannot be one. */
function modelOf(text: string): HubModel | null {
  const [, name, revision] = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@(.+))?$/.exec(text) ?? []
  return name === undefined ? null : { name, revision: revision ?? 'main' }
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
    name: folder.name,
    has: (fileName) => folder.has(fileName).catch(retold),
    open: (fileName) => folder.open(fileName).catch(retold),
  }
}

/** The files beside one another at an address. A model's page on the Hub stands for the model. */
async function folderAt(address: string, options: HubFolderOptions): Promise<Folder> {
  const { endpoint, fetch, offline } = await findHubSettings(options.hub)
  const page = address.startsWith(`${endpoint}/`) ? address.slice(endpoint.length + 1).replace(/\/+$/, '') : ''
  const model = modelOf(page.replace(/\/tree\//, '@'))
  if (model !== null) return hubFolder(model, options)
  const at = (fileName: string): string => {
    const url = new URL(address)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${fileName}`
    return url.href
  }
  const open = async (fileName: string) => {
    const refused = `openFolder: ${at(fileName)} is not asked for, HF_HUB_OFFLINE is set`
    if (offline) throw new MedAwareError('network', refused)
    return urlSource(at(fileName), { fetch, signal: options.signal })
  }
  return {
    name: address,
    has: (fileName) => isThere(open(fileName)),
    open,
  }
}
