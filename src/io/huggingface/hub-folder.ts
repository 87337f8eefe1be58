import { disk, fileSource } from '#platform'
import { check, MedAwareError } from '../../core/errors.ts'
import { abortSignal, callback, type OptionRules, readArgument, readOptions, table, text } from '../../core/options.ts'
import { shorten } from '../../core/show.ts'
import type { ModelOrigin } from '../../models/causal-lm.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import { sourceAt } from '../../safetensors/url-source.ts'
import { isThere, type Folder } from '../sources/folder.ts'
import { HubCache } from './hub-cache.ts'
import { HubClient, type HubAnswer, type HubFile, type HubModel } from './hub-client.ts'
import { downloadBlob } from './hub-download.ts'
import { findHubSettings, hubAliases, type HubOptions, hubRules } from './hub-settings.ts'

/** How far the download of a file is. */
export interface DownloadProgress {
  readonly phase: 'download'
  readonly file: string
  /** Bytes that are there, those of an earlier attempt included. */
  readonly done: number
  /** Bytes of the file. */
  readonly total: number
}

/** How a model of the Hub is opened. */
export interface HubFolderOptions {
  readonly hub?: HubOptions
  readonly signal?: AbortSignal
  /** Called as bytes come, about once a megabyte. */
  readonly onDownload?: (progress: DownloadProgress) => void
}

/** Rules of `HubFolderOptions`. */
export const hubFolderRules: OptionRules<HubFolderOptions> = {
  hub: table(hubRules, hubAliases),
  signal: abortSignal,
  onDownload: callback<NonNullable<HubFolderOptions['onDownload']>>(),
}

/** What of a function's options is for the folder that it opens. */
export function folderOptions({ hub, signal, onDownload }: HubFolderOptions): HubFolderOptions {
  return { ...(hub && { hub }), ...(signal && { signal }), ...(onDownload && { onDownload }) }
}

const modelRules: OptionRules<HubModel> = { name: text, revision: text }

/** The commit that files are taken from, and why none can be downloaded; null where they can. */
interface CommitFiles {
  readonly commit: string
  readonly offline: MedAwareError | null
}

/**
 * A model's files on the Hugging Face Hub, all of one commit. In Node they are downloaded when they are opened, into
 * huggingface_hub's cache, and what is there is not asked for again; in browsers they are read in parts from the Hub.
 * @throws MedAwareError `config` for a name that is none; its methods throw `network`, `not-found`, `format`, `disk`,
 * or the signal's reason.
 */
export async function hubFolder(model: HubModel, options: HubFolderOptions = {}): Promise<Folder> {
  const { name, revision } = readArgument('hubFolder', 'model', model, table(modelRules))
  readArgument('hubFolder', 'model.name', name, text)
  readArgument('hubFolder', 'model.revision', revision, text)
  const read = readOptions('hubFolder', options, hubFolderRules)
  const client = new HubClient(await findHubSettings(read.hub), read.signal)
  return folderOn(client, { name, revision }, read)
}

/** `hubFolder` for who has a client. */
export function folderOn(client: HubClient, model: HubModel, options: HubFolderOptions): Folder {
  const { settings } = client
  checkNames(model)
  if (disk === null || settings.cacheFolder === null) return remoteFolder(client, model)
  return cachedFolder(client, new HubCache(disk, settings.cacheFolder, model), model, options)
}

/** Names become paths of the cache and parts of an address. */
function checkNames({ name, revision }: HubModel): void {
  const isPlain = (path: string): boolean => path.split('/').every((part) => !/^\.*$|[\\\p{Cc}]/u.test(part))
  check(/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(name) && isPlain(revision), 'config', () => {
    return `hub: ${shorten(`${name}@${revision}`)} is no name of a model; it is owner/name, or owner/name@revision`
  })
}

function cachedFolder(client: HubClient, cache: HubCache, model: HubModel, options: HubFolderOptions): Folder {
  const pin = once((fileName: string) => findSnapshot(client, cache, model, fileName))
  const described = describer(client, model)

  /** The file's path if it is in the cache, else what the Hub says of it. */
  const look = async (
    fileName: string,
  ): Promise<{ snapshot: CommitFiles; path: string | null; file: HubFile | null }> => {
    const snapshot = await pin(fileName)
    const { commit, offline } = snapshot
    const path = await cache.find(commit, fileName)
    if (path !== null || offline !== null) return { snapshot, path, file: null }
    if (await cache.isKnownMissing(commit, fileName)) return { snapshot, path, file: null }
    const { file } = await described(fileName, commit)
    if (file === null) await cache.setMissing(commit, fileName)
    return { snapshot, path, file }
  }

  return {
    name: model.name,
    origin: originOf(model),
    async has(fileName) {
      const { path, file } = await look(fileName)
      return path !== null || file !== null
    },
    async open(fileName, mostBytes = Infinity) {
      options.signal?.throwIfAborted()
      const { snapshot, path, file } = await look(fileName)
      if (path !== null) return fileSource(path)
      const { commit, offline } = snapshot
      if (offline !== null) {
        const message = `hub: ${fileName} of ${model.name}@${model.revision} is not in ${cache.folder}, and ${offline.message}`
        throw new MedAwareError(offline.code, message, { cause: offline })
      }
      check(file !== null, 'not-found', () => `hub: ${model.name} has no ${fileName} at ${model.revision}`)
      let reported = 0
      const onBytes = (done: number, total: number): void => {
        if (done < total && done - reported < 1 << 20) return
        reported = done
        options.onDownload?.({ phase: 'download', file: fileName, done, total })
      }
      const download = {
        model: { ...model, revision: commit },
        fileName,
        file,
        blob: cache.blob(file.etag),
        mostBytes,
        onBytes,
      }
      await downloadBlob(client, cache.disk, download)
      return fileSource(await cache.link(commit, fileName, file.etag))
    },
  }
}

/** Which commit a revision is: by the Hub, or by the cache where the Hub cannot be asked. */
async function findSnapshot(
  client: HubClient,
  cache: HubCache,
  model: HubModel,
  fileName: string,
): Promise<CommitFiles> {
  const { offline, endpoint } = client.settings
  const { name, revision } = model
  const known = /^[0-9a-f]{40}$/.test(revision) ? revision : await cache.commitOf(revision)
  if (offline) {
    const reason = new MedAwareError('not-found', 'the Hub is not asked, HF_HUB_OFFLINE is set')
    check(known !== null && (await cache.has(known)), 'not-found', () => {
      return `hub: ${name}@${revision} is not in ${cache.folder}, and ${reason.message}`
    })
    return { commit: known, offline: reason }
  }
  const isCached = known !== null && (await cache.has(known))
  if (isCached && known === revision) return { commit: known, offline: null }
  const ask = () => client.describe(model, fileName)
  try {
    const { commit } = await (isCached ? ask() : client.http.persist(ask))
    check(commit !== null, 'network', () => `hub: ${endpoint} does not say which commit ${name}@${revision} is`)
    await cache.setCommit(revision, commit)
    return { commit, offline: null }
  } catch (error) {
    const isUnreachable = error instanceof MedAwareError && error.code === 'network'
    if (!isUnreachable || !isCached) throw error
    return { commit: known, offline: error }
  }
}

/** Files that are read from the Hub in parts, and kept nowhere. */
function remoteFolder(client: HubClient, model: HubModel): Folder {
  const { http, headers } = client
  // A page does not see the commit of a file that redirects to storage; the first one is a config, which does not.
  const pin = once(async (fileName: string) => (await client.describe(model, fileName)).commit ?? model.revision)
  const sources = new Map<string, Promise<ByteSource>>()
  const open = async (fileName: string, mostBytes?: number): Promise<ByteSource> => {
    const url = client.urlOf({ ...model, revision: await pin(fileName) }, fileName)
    const source = sources.get(url) ?? sourceAt(new URL(url), { client: http, ownHeaders: headers, mostBytes })
    sources.set(url, source)
    // What failed for now may be there the next time.
    source.catch(() => sources.delete(url))
    return source
  }
  return { name: model.name, origin: originOf(model), open, has: (fileName) => isThere(open(fileName)) }
}

function originOf({ name, revision }: HubModel): ModelOrigin {
  return { nameOrPath: name, revision: revision === 'main' ? null : revision }
}

/** Asks the Hub of each file once, and again where it cannot be reached: by now it has been. */
function describer(client: HubClient, model: HubModel) {
  const answers = new Map<string, HubAnswer>()
  return async (fileName: string, revision: string): Promise<HubAnswer> => {
    const key = `${revision}/${fileName}`
    const answer =
      answers.get(key) ?? (await client.http.persist(() => client.describe({ ...model, revision }, fileName)))
    answers.set(key, answer)
    return answer
  }
}

/** Runs once; a failure is not kept. */
function once<T>(work: (fileName: string) => Promise<T>): (fileName: string) => Promise<T> {
  let result: Promise<T> | undefined
  return (fileName) => {
    result ??= work(fileName).catch((error: unknown) => {
      result = undefined
      throw error
    })
    return result
  }
}
