import { randomUUID } from 'node:crypto'
import { access, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DataError, reason } from './data-error.ts'

export interface DownloadProgress {
  /** Bytes so far. */
  received: number
  /** Bytes in all, where the server says; GitHub does not. */
  total?: number
  /** Mean rate since the start, bytes a second. */
  rate: number
}

export interface DownloadOptions {
  /** Default: the platform's `fetch`. */
  fetch?: typeof fetch
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
  /** Milliseconds to wait for an answer, or for more of it. Default 20,000. */
  patience?: number
}

/** Bytes of a download at most: MedQuAD has 6.5 MB as GitHub packs it, 10.7 MB as Parquet. */
const largest = 200e6
/** Milliseconds of a download at most. */
const longest = 15 * 60_000

/**
 * Downloads a file, and returns its path at once where it is there. It is written beside its target and takes the
 * target's name only when `check` has passed it, so no half or foreign file is ever found there, and nothing that was
 * there is lost.
 * @throws DataError `network` (no connection, no answer, or an HTTP status that is no success), `truncated`; what
 * `check` throws; and the signal's reason where it was aborted.
 */
export async function downloadOnce(
  url: string,
  target: string,
  check: (part: string) => Promise<void>,
  options: DownloadOptions,
): Promise<string> {
  if (await exists(target)) return target
  await mkdir(dirname(target), { recursive: true })
  // The ending stays: it tells what the file is.
  const part = target.replace(/(\.[a-z]+(\.gz)?)$/, `.${randomUUID()}.part$1`)
  try {
    await download(url, part, options)
    await check(part)
    await rename(part, target)
  } finally {
    await rm(part, { force: true })
  }
  return target
}

async function download(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { fetch: get = fetch, onProgress, signal = null, patience = 20_000 } = options
  const failed = (cause: unknown, code: 'network' | 'truncated', rule: string): unknown =>
    signal?.aborted ? signal.reason : new DataError(code, rule, { cause })
  const silence = new AbortController()
  const waiting = setTimeout(() => silence.abort(new Error(`nothing came for ${patience / 1000} s`)), patience)
  const overlong = setTimeout(() => silence.abort(new Error(`it took over ${longest / 60_000} minutes`)), longest)
  const signals = signal === null ? silence.signal : AbortSignal.any([signal, silence.signal])
  const why = (cause: unknown) => reason(silence.signal.aborted ? silence.signal.reason : causeOf(cause))
  try {
    const response = await get(url, { signal: signals }).catch((cause: unknown) => {
      throw failed(cause, 'network', `cannot reach ${new URL(url).host}, ${why(cause)}`)
    })
    if (!response.ok || !response.body) {
      throw failed(undefined, 'network', `${url} answered ${response.status} ${response.statusText}`)
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
        throw failed(cause, 'truncated', `${url} broke off after ${received} bytes, ${why(cause)}`)
      })
    try {
      for (let got = await read(); !got.done; got = await read()) {
        waiting.refresh()
        received += got.value.length
        if (received > largest) throw new DataError('digest', `${url} has more than ${largest / 1e6} MB: not MedQuAD`)
        await file.writeFile(got.value)
        const rate = received / Math.max(0.001, (performance.now() - started) / 1000)
        onProgress?.({ received, rate, ...(Number.isNaN(length) ? {} : { total: length }) })
      }
    } finally {
      await file.close()
      await reader.cancel().catch(() => undefined) // a disk error must not leave the connection open
    }
    if (!Number.isNaN(length) && received !== length) {
      throw failed(undefined, 'truncated', `${url} ended after ${received} of ${length} bytes`)
    }
  } finally {
    clearTimeout(waiting)
    clearTimeout(overlong)
  }
}

/** Node's fetch says `fetch failed` and keeps why in the cause; where two addresses failed, only its code is there. */
function causeOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return error
  return cause.message !== '' || !('code' in cause) ? cause : String(cause.code)
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
