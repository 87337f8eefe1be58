import { openCacheStore, persistStorage } from '#platform'
import { check } from '../../core/errors.ts'
import { type OptionRules, readArgument, readOptions, table, text } from '../../core/options.ts'
import { shorten } from '../../core/show.ts'
import type { ModelOrigin } from '../../models/causal-lm.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import { sourceAt } from '../../safetensors/url-source.ts'
import { isThere, type Folder } from '../sources/folder.ts'
import { type HubModel, namePattern } from './hub-address.ts'
import type { HubClient } from './hub-client.ts'
import { hubFolderRules, type HubFolderOptions } from './hub-folder-options.ts'
import { findHubSettings } from './hub-settings.ts'
import { once } from './once.ts'

const modelRules: OptionRules<HubModel> = { name: text, revision: text }

/**
 * A model's files on the Hugging Face Hub, all of one commit. They are downloaded when they are opened, in Node into
 * huggingface_hub's cache, in a page into what the browser keeps for its origin, and what is there is not asked for
 * again. A page that may keep nothing reads them in parts from the Hub.
 * @throws MedAwareError `config` for a name that is none; its methods throw `network`, `not-found`, `format`, `disk`,
 * or the signal's reason.
 */
export async function hubFolder(model: HubModel, options: HubFolderOptions = {}): Promise<Folder> {
  const { name, revision } = readArgument('hubFolder', 'model', model, table(modelRules))
  readArgument('hubFolder', 'model.name', name, text)
  readArgument('hubFolder', 'model.revision', revision, text)
  const read = readOptions('hubFolder', options, hubFolderRules)
  return folderOn({ name, revision }, read)
}

/** `hubFolder`, whose arguments are checked. */
export async function folderOn(model: HubModel, options: HubFolderOptions): Promise<Folder> {
  checkNames(model)
  const { HubClient } = await import('./hub-client.ts')
  const client = new HubClient(await findHubSettings(options.hub), options.signal)
  const answer = await openCacheStore()
  if ('store' in answer) {
    if (client.settings.download) void persistStorage()
    const { cachedFolder } = await import('./cached-folder.ts')
    return { ...cachedFolder(client, answer.store, model, options), origin: originOf(model) }
  }
  options.onWarning?.(`hub: ${model.name} is read from the Hub and not kept, ${answer.reason}`)
  return remoteFolder(client, model)
}

/** Names become paths of the cache and parts of an address. */
function checkNames({ name, revision }: HubModel): void {
  const isPlain = (path: string): boolean => path.split('/').every((part) => !/^\.*$|[\\\p{Cc}]/u.test(part))
  check(namePattern.test(name) && isPlain(revision), 'config', () => {
    return `hub: ${shorten(`${name}@${revision}`)} is no name of a model; it is owner/name, or owner/name@revision`
  })
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
