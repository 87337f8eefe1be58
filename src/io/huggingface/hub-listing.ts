import { check } from '../../core/errors.ts'
import { parseJsonObject } from '../../core/json.ts'
import { bodyText } from '../../safetensors/body-text.ts'
import type { HttpResponse } from '../../safetensors/http-client.ts'

/** What the Hub says of a file without sending it. */
export interface HubFile {
  /** Its version: the sha256 of a large file, git's sha1 of a small one. */
  readonly etag: string
  /** Null where the server does not say. */
  readonly byteLength: number | null
}

/** All files of a model at a commit. */
export interface HubListing {
  readonly commit: string
  readonly files: ReadonlyMap<string, HubFile>
}

/** Bytes that a list may have: some 30,000 files. */
const mostBytes = 16 * 1024 * 1024

/**
 * Reads the Hub's answer about a model with `blobs=true`. @param heard Called as bytes come.
 * @throws MedAwareError `format` for another one.
 */
export async function readListing(who: string, { body }: HttpResponse, heard: () => void): Promise<HubListing> {
  const { sha, siblings } = parseJsonObject(who, await bodyText(`${who}: the list of files`, body, mostBytes, heard))
  check(typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha), 'format', () => `${who}: it does not say which commit`)
  check(Array.isArray(siblings), 'format', () => `${who}: it has no list of files`)
  const files = new Map<string, HubFile>()
  for (const each of siblings as readonly unknown[]) {
    const { rfilename, size, blobId, lfs } = fieldsOf(each)
    const large = fieldsOf(lfs)
    const [etag, byteLength] = large.sha256 === undefined ? [blobId, size] : [large.sha256, large.size ?? size]
    const isUsable = typeof etag === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)
    check(typeof rfilename === 'string' && isUsable, 'format', () => {
      return `${who}: it does not say which version ${String(rfilename)} is; is this a Hugging Face Hub?`
    })
    const isLength = Number.isSafeInteger(byteLength) && Number(byteLength) >= 0
    files.set(rfilename, { etag, byteLength: isLength ? Number(byteLength) : null })
  }
  return { commit: sha, files }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
