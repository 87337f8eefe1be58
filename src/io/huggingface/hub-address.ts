import { check, MedAwareError } from '../../core/errors.ts'
import { shownUrl } from '../../safetensors/http-client.ts'

/** A model on the Hub. */
export interface HubModel {
  /** `owner/name`. */
  readonly name: string
  /** A branch, a tag or a commit. */
  readonly revision: string
}

/** A folder of a model on the Hub. */
export interface HubPlace extends HubModel {
  /** Below the model's own folder; empty for that one. */
  readonly subfolder: string
  /** The one file in it that is meant. Default: the folder is. */
  readonly file?: string
}

/** The Hub's own names, whatever `HF_ENDPOINT` says: a page's address is copied from there. */
const hubHosts: readonly string[] = ['huggingface.co', 'www.huggingface.co', 'hf.co']
/** What stands before a revision in the addresses of folders, and of files. */
const folderPages: readonly string[] = ['tree', 'commits', 'commit']
const filePages: readonly string[] = ['blob', 'resolve', 'raw', 'blame']
/** What `owner/name` looks like. */
export const namePattern = /^[\w-][\w.-]*\/[\w-][\w.-]*$/

/**
 * `owner/name` or `owner/name@revision`, or a GGUF file of one such as `owner/name/file.gguf`; null for what cannot be
 * one.
 */
export function parseModelName(text: string): HubPlace | null {
  const [, path = '', revision = 'main'] = /^([^@]+?)\/?(?:@(.+))?$/.exec(text) ?? []
  const [owner = '', model = '', ...rest] = path.split('/')
  const file = rest.at(-1)
  const isPlain = rest.length === 0 || (isGguf(path) && rest.every((part) => !/\\|^\.*$/.test(part)))
  const name = `${owner}/${model}`
  if (!namePattern.test(name) || !isPlain) return null
  const subfolder = rest.slice(0, -1).join('/')
  // As it stands in a page's address.
  return { name, revision: revision.replaceAll(/%2f/gi, '/'), subfolder, ...(file !== undefined && { file }) }
}

/** Whether a file is a GGUF file, by its name. */
export function isGguf(fileName: string): boolean {
  return /\.gguf$/i.test(fileName)
}

/** An address on the Hub that was given without `https://`; any other text as it is. */
export function completeAddress(text: string): string {
  return hubHosts.some((host) => text.startsWith(`${host}/`)) ? `https://${text}` : text
}

/**
 * What the address of a page or a file on the Hub means: a model at a revision, and the folder in it.
 * @returns Null for an address elsewhere.
 * @throws MedAwareError `config` for a page that is not of a model's files.
 */
export function parseHubAddress(url: URL, endpoint: string): HubPlace | null {
  const path = pathOnHub(url, new URL(endpoint))
  if (path === null) return null
  const who = `openFolder: ${shownUrl(url)}`
  const refuse = (what: string): string => `${who} ${what}; a model's address is ${endpoint}/owner/name`
  const [owner = '', given = '', page, ...rest] = partsOf(path, who)
  check(!['datasets', 'spaces', 'collections'].includes(owner), 'config', () => {
    return refuse(`is one of the Hub's ${owner}, not a model`)
  })
  const name = `${owner}/${given.replace(/\.git$/, '')}`
  check(namePattern.test(name), 'config', () => refuse('names no model'))
  if (page === undefined) return { name, revision: 'main', subfolder: '' }
  const isFile = filePages.includes(page)
  check(isFile || folderPages.includes(page), 'config', () => refuse("is no page of a model's files"))
  // A pull request's slashes stand as %2F in the Hub's own links, and as slashes in those that people type.
  const length = rest[0] === 'refs' ? 3 : 1
  const revision = rest.slice(0, length).join('/')
  check(revision !== '', 'config', () => refuse(`has no revision behind /${page}`))
  const folders = rest.slice(length, isFile ? -1 : undefined)
  check(
    folders.every((part) => !/[/\\]|^\.*$/.test(part)),
    'config',
    () => `${who} names a folder that cannot be: ${folders.join('/')}`,
  )
  const file = isFile ? rest.at(-1) : undefined
  return { name, revision, subfolder: folders.join('/'), ...(file !== undefined && isGguf(file) && { file }) }
}

/** What stands behind the Hub's own address; null for an address that is not below it. */
function pathOnHub(url: URL, endpoint: URL): string | null {
  if (hubHosts.includes(url.hostname) && url.port === '') return url.pathname
  const base = `${endpoint.pathname.replace(/\/+$/, '')}/`
  return url.origin === endpoint.origin && url.pathname.startsWith(base) ? url.pathname.slice(base.length) : null
}

/** The names of a path in an address. @throws MedAwareError `config` for one that cannot be decoded. */
export function partsOf(path: string, who: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  try {
    return parts.map(decodeURIComponent)
  } catch (cause) {
    throw new MedAwareError('config', `${who} cannot be decoded; a % stands before two hexadecimal digits`, { cause })
  }
}
