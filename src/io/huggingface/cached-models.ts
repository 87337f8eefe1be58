import { openCacheStore } from '#platform'
import { cachedModelFolder, cachedModelName } from '../../core/cached-model.ts'
import { check } from '../../core/errors.ts'
import { type OptionRules, readArgument, readOptions, text } from '../../core/options.ts'
import type { CacheStore } from '../../platform/cache-store.ts'
import { namePattern } from './hub-address.ts'
import { findHubSettings } from './hub-settings.ts'

/** A model of the Hub that is kept here; huggingface_hub's `CachedRepoInfo`. */
export interface CachedModel {
  /** `owner/name`. */
  readonly name: string
  /** Bytes of its files, those of all commits together, each counted once. */
  readonly bytes: number
  /** Bytes of downloads that are not at their end. */
  readonly incompleteBytes: number
  /** Branches and tags that were asked for, with the commits that they stood for. */
  readonly revisions: Readonly<Record<string, string>>
}

/** Where kept models are looked for. */
export interface CachedModelsOptions {
  /** As `HubOptions.cacheFolder`. */
  readonly cacheFolder?: string
}

const rules: OptionRules<CachedModelsOptions> = { cacheFolder: text }

/**
 * The models of the Hub that are kept: in huggingface_hub's cache in Node, by the browser for this origin in a page;
 * huggingface_hub's `scan_cache_dir`. Of a page that may keep nothing there are none.
 * @throws MedAwareError `disk`.
 */
export async function cachedModels(options: CachedModelsOptions = {}): Promise<CachedModel[]> {
  const { cacheFolder } = await findHubSettings(readOptions('cachedModels', options, rules))
  const answer = await openCacheStore()
  if ('reason' in answer) return []
  const { store } = answer
  const names = (await store.list(cacheFolder)).map(cachedModelName).filter((name) => name !== null)
  return Promise.all(names.map((name) => describeModel(store, cacheFolder, name)))
}

/**
 * Deletes a kept model, all commits of it and what was begun. In Node other programs share the cache.
 * @param name `owner/name`.
 * @returns The bytes that are free again; 0 where nothing of it was kept.
 * @throws MedAwareError `config` for no such name, `disk`.
 */
export async function deleteCachedModel(name: string, options: CachedModelsOptions = {}): Promise<number> {
  readArgument('deleteCachedModel', 'name', name, text)
  check(namePattern.test(name), 'config', () => {
    return `deleteCachedModel: "${name}" is no name of a model; it is owner/name`
  })
  const { cacheFolder } = await findHubSettings(readOptions('deleteCachedModel', options, rules))
  const answer = await openCacheStore()
  if ('reason' in answer) return 0
  const { store } = answer
  const path = `${cacheFolder}/${cachedModelFolder(name)}`
  if (!(await store.isFolder(path))) return 0
  const { bytes, incompleteBytes } = await describeModel(store, cacheFolder, name)
  await store.removeFolder(path)
  return bytes + incompleteBytes
}

async function describeModel(store: CacheStore, cacheFolder: string, name: string): Promise<CachedModel> {
  const path = `${cacheFolder}/${cachedModelFolder(name)}`
  let [bytes, incompleteBytes] = [0, 0]
  for (const blob of await store.list(`${path}/blobs`)) {
    const length = (await store.byteLength(`${path}/blobs/${blob}`)) ?? 0
    if (blob.endsWith('.incomplete')) incompleteBytes += length
    else bytes += length
  }
  const revisions: Record<string, string> = {}
  for (const revision of await store.list(`${path}/refs`)) {
    const commit = await store.readText(`${path}/refs/${revision}`)
    if (commit !== null) revisions[revision] = commit.trim()
  }
  return { name, bytes, incompleteBytes, revisions }
}
