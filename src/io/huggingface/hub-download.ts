import { check, MedAwareError } from '../../core/errors.ts'
import type { CacheStore, DigestKind, GrowingFile } from '../../platform/cache-store.ts'
import type { HubModel } from './hub-address.ts'
import type { HubClient } from './hub-client.ts'
import type { HubFile } from './hub-listing.ts'
import { showBytes } from '../plan/memory-advice.ts'
import { type BodyReader, PassingError } from '../../safetensors/http-client.ts'
import { pause, Patience } from '../../safetensors/patience.ts'

/** What is downloaded, and to where. */
export interface Download {
  readonly model: HubModel
  readonly fileName: string
  readonly file: HubFile
  /** Path of the blob, whose name is the file's etag. */
  readonly blob: string
  /** Bytes that it may have at most. */
  readonly mostBytes: number
  readonly onBytes: ((done: number, total: number) => void) | undefined
}

/**
 * Brings a file's bytes into a cache, whole and verified, or not at all. What an earlier attempt left,
 * `<etag>.incomplete`, is gone on from. Each program writes to a name of its own and renames in the end, so two of them
 * cannot mix their bytes; one that comes while another downloads waits for it.
 * @throws MedAwareError `network` when the connection fails again and again, `format` when the bytes are not those that
 * the Hub announced, `disk` when there is no room for them; the signal's reason when it aborts.
 */
export async function downloadBlob(client: HubClient, store: CacheStore, download: Download): Promise<void> {
  const { blob } = download
  await store.makeFolder(folderOf(blob))
  if (await waitForOthers(client, store, download)) return
  const own = `${blob}.${store.processName}-${Math.random().toString(36).slice(2, 10)}.incomplete`
  await claimRemains(store, blob, own)
  try {
    const digest = await fill(client, store, own, download)
    await verify(store, own, digest, download)
    await store.move(own, blob)
  } catch (error) {
    await store.move(own, `${blob}.incomplete`)
    throw error
  }
}

/** Waits while another program downloads the same file; true when that one has brought it. */
async function waitForOthers({ signal, settings }: HubClient, store: CacheStore, { blob }: Download): Promise<boolean> {
  for (;;) {
    if (await store.has(blob)) return true
    const busy = await Promise.all(
      (await partials(store, blob)).map(async ({ path, owner }) => {
        if (owner === null || (await store.hasEnded(owner))) return false
        return Date.now() - ((await store.writtenAt(path)) ?? 0) < settings.silence
      }),
    )
    if (!busy.includes(true)) return false
    await pause(100, signal)
  }
}

/** Takes over what an attempt that ended has left. Renaming is one step: of several programs that try, one succeeds. */
async function claimRemains(store: CacheStore, blob: string, own: string): Promise<void> {
  for (const { path, owner } of await partials(store, blob)) {
    if ((owner === null || (await store.hasEnded(owner))) && (await store.move(path, own))) return
  }
}

interface PartialFile {
  readonly path: string
  /** The program that writes it; null where none does. */
  readonly owner: string | null
}

/** Partial files of a blob. */
async function partials(store: CacheStore, blob: string): Promise<PartialFile[]> {
  const [folder, etag] = [folderOf(blob), blob.slice(blob.lastIndexOf('/') + 1)]
  const found: PartialFile[] = []
  for (const name of await store.list(folder)) {
    if (!name.startsWith(`${etag}.`) || !name.endsWith('.incomplete')) continue
    // Newer versions of huggingface_hub write to names of their own, which only they remove.
    const [, owner] = /^(.+\.\d+)-[a-z0-9]+$/.exec(name.slice(etag.length + 1, -'.incomplete'.length)) ?? []
    if (owner !== undefined) found.push({ path: `${folder}/${name}`, owner })
    if (name === `${etag}.incomplete`) found.push({ path: `${folder}/${name}`, owner: null })
  }
  return found
}

/** Asks for bytes until all are there, again where a connection broke. Gives the digest. */
async function fill(client: HubClient, store: CacheStore, path: string, download: Download): Promise<string> {
  const { fileName, model, file } = download
  const partial = await store.grow(path, digestOf(file))
  const receiveAll = async (): Promise<void> => {
    const total = await receive(client, store, partial, download)
    if (partial.byteLength === total) return
    throw new PassingError(`hub: ${fileName} of ${model.name} came with ${partial.byteLength} of ${total} bytes`)
  }
  try {
    await client.http.persist(receiveAll, () => partial.byteLength)
    return await partial.finish()
  } catch (error) {
    if (!(error instanceof PassingError)) throw error
    const kept = `${showBytes(partial.byteLength)} are kept, the next attempt goes on from there`
    throw new MedAwareError('network', `${error.message}; ${kept}`, { cause: error })
  } finally {
    await partial.close()
  }
}

/** One request: appends what comes of the bytes that are not there yet. Gives the file's length. */
async function receive(
  client: HubClient,
  store: CacheStore,
  partial: GrowingFile,
  download: Download,
): Promise<number> {
  const { model, fileName, file, onBytes } = download
  checkSize(download, file.byteLength ?? 0)
  if (partial.byteLength === file.byteLength) return partial.byteLength
  if (partial.byteLength > (file.byteLength ?? Infinity)) await partial.clear()
  const patience = new Patience(client.signal)
  let reader: BodyReader | undefined
  try {
    const response = await client.get(model, fileName, partial.byteLength, patience)
    reader = response.body?.getReader()
    const [, begin, length] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? []
    if (response.status !== 206 || Number(begin) !== partial.byteLength) {
      // The server knows no ranges, or has no such range: what is there cannot be gone on from.
      const before = partial.byteLength
      await partial.clear()
      if (response.status !== 200) {
        const came = `was asked for from byte ${before} on, and came from ${begin ?? 'none'}`
        throw new PassingError(`hub: ${fileName} of ${model.name} ${came}`)
      }
    }
    const said = Number(length ?? response.headers.get('content-length') ?? NaN)
    const total = file.byteLength ?? said
    check(Number.isFinite(total) && (Number.isNaN(said) || said === total), 'format', () => {
      return `hub: ${fileName} of ${model.name} has ${file.byteLength ?? 'unsaid'} bytes by the Hub, ${said} by where it is stored`
    })
    checkSize(download, total)
    await checkSpace(store, download, total - partial.byteLength)
    onBytes?.(partial.byteLength, total)
    for (;;) {
      patience.within(client.settings.silence)
      const chunk = await reader?.read().catch((cause: unknown) => {
        const place = `after ${partial.byteLength} of ${total} bytes`
        throw client.http.failure(`hub: ${fileName} of ${model.name}, ${place},`, cause, patience)
      })
      if (chunk?.value === undefined) return total
      await partial.append(chunk.value)
      check(partial.byteLength <= total, 'format', () => {
        return `hub: ${fileName} of ${model.name} goes on after its ${total} bytes; it is not the file that the Hub announced`
      })
      onBytes?.(partial.byteLength, total)
    }
  } finally {
    patience.stop()
    await reader?.cancel().catch(() => undefined)
  }
}

function checkSize({ model, fileName, mostBytes }: Download, total: number): void {
  check(total <= mostBytes, 'format', () => {
    return `hub: ${fileName} of ${model.name} has ${total} bytes, more than the ${mostBytes} that such a file may have`
  })
}

async function checkSpace(store: CacheStore, { fileName, model, blob }: Download, bytes: number): Promise<void> {
  const free = await store.freeBytes(folderOf(blob))
  check(free === null || bytes <= free, 'disk', () => {
    const room = `${store.name ?? folderOf(blob)} has ${showBytes(free ?? 0)}`
    return `hub: ${fileName} of ${model.name} needs ${showBytes(bytes)}, ${room}; free some, or ${store.remedy}`
  })
}

async function verify(
  store: CacheStore,
  path: string,
  digest: string,
  { model, fileName, file }: Download,
): Promise<void> {
  if (digest === file.etag || !isDigest(file)) return
  await store.remove(path)
  const kind = file.etag.length === 64 ? 'sha256' : 'sha1'
  throw new MedAwareError(
    'format',
    `hub: ${fileName} of ${model.name} was damaged on its way: its ${kind} is ${digest}, not ${file.etag}; it was removed, try again`,
  )
}

/** An etag is the sha256 of a large file, git's sha1 of a small one; servers that are no Hub have others. */
function digestOf({ etag, byteLength }: HubFile): DigestKind {
  if (etag.length === 64) return { algorithm: 'sha256', prefix: '' }
  return { algorithm: 'sha1', prefix: `blob ${byteLength ?? 0}\0` }
}

function isDigest({ etag, byteLength }: HubFile): boolean {
  return /^[0-9a-f]{64}$/.test(etag) || (/^[0-9a-f]{40}$/.test(etag) && byteLength !== null)
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
