import { disk, fileSource, resolveAddress } from '#platform'
import { check, MedAwareError } from '../../core/errors.ts'
import { HttpClient, shownUrl } from '../../safetensors/http-client.ts'
import { blobSource, type ByteSource } from '../../safetensors/source.ts'
import { parseAddress, sourceAt } from '../../safetensors/url-source.ts'
import { findHubSettings, type HubOptions } from '../huggingface/hub-settings.ts'

/** A file that can be opened again and again. */
export interface OpenableFile {
  readonly name: string
  open(): Promise<ByteSource>
}

/**
 * A file by its path (Node), its address, in a page also a relative one, or as a page was given it; nothing is read
 * yet.
 * @param hub Proxies' `fetch` and times to wait. @param signal Ends what goes on over a network.
 */
export function fileOf(who: string, source: string | URL | Blob, hub: HubOptions, signal?: AbortSignal): OpenableFile {
  if (typeof source === 'object' && 'slice' in source) {
    const name = 'name' in source && typeof source.name === 'string' ? source.name : 'the blob'
    return { name, open: async () => blobSource(source, name) }
  }
  const isAddress = source instanceof URL || /^[a-z][a-z\d+.-]+:\/\//i.test(source)
  const url = isAddress ? new URL(source) : resolveAddress(source)
  if (url === null) return diskFile(who, String(source))
  if (url.protocol === 'file:' && disk !== null) return diskFile(who, disk.pathOf(url))
  const address = parseAddress(who, url)
  return {
    name: shownUrl(address),
    async open() {
      const settings = await findHubSettings(hub)
      if (!settings.offline) return sourceAt(address, { client: new HttpClient(settings, signal) })
      throw new MedAwareError('network', `${who}: ${shownUrl(address)} is not asked for, HF_HUB_OFFLINE is set`)
    },
  }
}

function diskFile(who: string, path: string): OpenableFile {
  const there = disk
  check(
    there !== null,
    'not-found',
    () => `${who}: a page has no files by path; give a File or an address, got "${path}"`,
  )
  const full = path.startsWith('~/') ? there.home + path.slice(1) : path
  return { name: path, open: () => fileSource(full) }
}
