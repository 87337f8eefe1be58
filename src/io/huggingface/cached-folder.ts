import { check, MedAwareError } from '../../core/errors.ts'
import type { CacheStore } from '../../platform/cache-store.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import { sourceAt } from '../../safetensors/url-source.ts'
import type { Folder } from '../sources/folder.ts'
import { downloadMeter } from './download-meter.ts'
import { HubCache } from './hub-cache.ts'
import type { HubModel } from './hub-address.ts'
import type { HubAnswer, HubClient } from './hub-client.ts'
import { downloadBlob } from './hub-download.ts'
import type { HubFolderOptions } from './hub-folder-options.ts'
import type { HubFile } from './hub-listing.ts'
import { once } from './once.ts'

/** The commit that files are taken from, and why none can be downloaded; null where they can. */
interface CommitFiles {
  readonly commit: string
  readonly offline: MedAwareError | null
}

/** Files of a model that are downloaded when they are opened, and kept. */
export function cachedFolder(
  client: HubClient,
  store: CacheStore,
  model: HubModel,
  options: HubFolderOptions,
): Omit<Folder, 'origin'> {
  const cache = new HubCache(store, client.settings.cacheFolder, model)
  const pin = once((fileName: string) => findSnapshot(client, cache, model, fileName))
  const described = describer(client, model)

  /** Whether the file is in the cache, else what the Hub says of it. */
  const look = async (fileName: string): Promise<{ snapshot: CommitFiles; isKept: boolean; file: HubFile | null }> => {
    const snapshot = await pin(fileName)
    const { commit, offline } = snapshot
    const isKept = await cache.find(commit, fileName)
    if (isKept || offline !== null) return { snapshot, isKept, file: null }
    if (await cache.isKnownMissing(commit, fileName)) return { snapshot, isKept, file: null }
    const { file } = await described(fileName, commit)
    if (file === null) await cache.setMissing(commit, fileName)
    return { snapshot, isKept, file }
  }

  /** The kept file; null for one that is damaged, which is thrown away. */
  const openKept = async (commit: string, fileName: string): Promise<ByteSource | null> => {
    try {
      return await cache.open(commit, fileName)
    } catch (error) {
      if (!(error instanceof MedAwareError) || error.code !== 'format') throw error
      await cache.forget(commit, fileName)
      options.onWarning?.(`hub: ${fileName} of ${model.name} is fetched anew; ${error.message}`)
      return null
    }
  }

  const open = async (fileName: string, mostBytes = Infinity): Promise<ByteSource> => {
    options.signal?.throwIfAborted()
    const { snapshot, isKept, file } = await look(fileName)
    const { commit, offline } = snapshot
    if (isKept) return (await openKept(commit, fileName)) ?? open(fileName, mostBytes)
    if (offline !== null) {
      const message = `hub: ${fileName} of ${model.name}@${model.revision} is not in ${cache.place}, and ${offline.message}`
      throw new MedAwareError(offline.code, message, { cause: offline })
    }
    check(file !== null, 'not-found', () => `hub: ${model.name} has no ${fileName} at ${model.revision}`)
    const pinned = { ...model, revision: commit }
    if (!client.settings.download) {
      const url = new URL(client.urlOf(pinned, fileName))
      return sourceAt(url, { client: client.http, ownHeaders: client.headers, mostBytes })
    }
    const blob = cache.blob(file.etag)
    const onBytes = downloadMeter(fileName, options.onDownload)
    await downloadBlob(client, store, { model: pinned, fileName, file, blob, mostBytes, onBytes })
    await cache.link(commit, fileName, file.etag)
    return cache.open(commit, fileName)
  }

  return {
    name: model.name,
    open,
    async has(fileName) {
      const { isKept, file } = await look(fileName)
      return isKept || file !== null
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
      return `hub: ${name}@${revision} is not in ${cache.place}, and ${reason.message}`
    })
    return { commit: known, offline: reason }
  }
  const isCached = known !== null && (await cache.has(known))
  if (isCached && (known === revision || !client.settings.refresh)) return { commit: known, offline: null }
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
