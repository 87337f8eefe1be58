import { randomUUID } from 'node:crypto'
import { access, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, reason } from './data-error.ts'
import { digestMedquad, medquadDigest, type MedquadDigest } from './digest-medquad.ts'

/** MedQuAD's repository at the commit whose content `medquadDigest` is. */
export const medquadUrl = 'https://github.com/abachaa/MedQuAD/archive/577bd37b96c02d1833b2c9eed2de9f96964e96cb.tar.gz'

export interface DownloadProgress {
  /** Bytes so far. */
  received: number
  /** Bytes in all, where the server says; GitHub does not. */
  total?: number
  /** Mean rate since the start, bytes a second. */
  rate: number
}

export interface FetchOptions {
  /** Folder to keep the archive in; made if it is not there. */
  cacheDir: string
  /** Default: `medquadUrl`. */
  url?: string
  /** What the archive must hold. Default: MedQuAD at commit 577bd37. */
  expected?: MedquadDigest
  /** Default: the platform's `fetch`. */
  fetch?: typeof fetch
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

/**
 * Downloads MedQuAD's archive once and returns its path; later calls find it in the cache. It is written beside its
 * target and takes the target's name, which holds the digest, only when its content was checked, so no half or foreign
 * file is ever found there, and nothing that was there is lost. Throws `DataError`: `network` (no connection, or an
 * HTTP status that is no success), `truncated`, `digest`; and the signal's reason where it was aborted.
 */
export async function fetchMedquad(options: FetchOptions): Promise<string> {
  const { cacheDir, url = medquadUrl, expected = medquadDigest } = options
  const target = join(cacheDir, `medquad-${expected.sha256.slice(0, 12)}.tar.gz`)
  if (await exists(target)) return target
  await mkdir(cacheDir, { recursive: true })
  const part = `${target}.${randomUUID()}.part`
  try {
    await download(url, part, options)
    await verify(url, part, expected)
    await rename(part, target)
  } finally {
    await rm(part, { force: true })
  }
  return target
}

async function download(url: string, part: string, options: FetchOptions): Promise<void> {
  const { fetch: get = fetch, onProgress, signal = null } = options
  const failed = (cause: unknown, code: 'network' | 'truncated', rule: string): unknown =>
    signal?.aborted ? signal.reason : new DataError(code, `fetchMedquad: ${rule}`, { cause })
  const response = await get(url, { signal }).catch((cause: unknown) => {
    throw failed(cause, 'network', `cannot reach ${url}, ${deepReason(cause)}; give a copy of the data instead`)
  })
  if (!response.ok || !response.body) {
    throw failed(
      undefined,
      'network',
      `${url} answered ${response.status} ${response.statusText}; try later or give a copy of the data`,
    )
  }
  // The length counts bytes as sent: where the transport compressed them it says nothing about the bytes that arrive.
  const length = response.headers.has('content-encoding')
    ? Number.NaN
    : Number(response.headers.get('content-length') ?? Number.NaN)
  const file = await open(part, 'wx')
  const reader = response.body.getReader()
  const started = performance.now()
  let received = 0
  const read = (): ReturnType<typeof reader.read> =>
    reader.read().catch((cause: unknown) => {
      throw failed(cause, 'truncated', `${url} broke off after ${received} bytes, ${deepReason(cause)}; try again`)
    })
  try {
    for (let got = await read(); !got.done; got = await read()) {
      await file.writeFile(got.value)
      received += got.value.length
      const rate = received / Math.max(0.001, (performance.now() - started) / 1000)
      onProgress?.({ received, rate, ...(Number.isNaN(length) ? {} : { total: length }) })
    }
  } finally {
    await file.close()
    await reader.cancel().catch(() => undefined) // a disk error must not leave the connection open
  }
  if (!Number.isNaN(length) && received !== length) {
    throw failed(undefined, 'truncated', `${url} ended after ${received} of ${length} bytes; try again`)
  }
}

async function verify(url: string, part: string, expected: MedquadDigest): Promise<void> {
  const found = await digestMedquad(part).catch((cause: unknown) => {
    const why = reason(cause).replaceAll(part, 'the download')
    throw new DataError('digest', `fetchMedquad: ${url} is not MedQuAD's archive: ${why}`, { cause })
  })
  if (found.sha256 === expected.sha256) return
  throw new DataError(
    'digest',
    `fetchMedquad: ${url} differs from the MedQuAD known here: ${found.files} XML files of digest ${found.sha256}, ` +
      `expected ${expected.files} of ${expected.sha256}; read it as data of your own if you trust it`,
  )
}

/** Node's fetch says `fetch failed` and keeps why in the cause; where two addresses failed, only its code is there. */
function deepReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return reason(error)
  return cause.message !== '' || !('code' in cause) ? cause.message : String(cause.code)
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
