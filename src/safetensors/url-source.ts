import { check, MedAwareError } from '../core/errors.ts'
import { bytesSource, checkRange } from './source.ts'
import type { ByteSource } from './source.ts'

/** What asks a server, as the platform's `fetch` does. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

export interface UrlSourceOptions {
  /** Sent with every request, e.g. `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined
  readonly signal?: AbortSignal | undefined
}

/** Bytes asked for at first: enough for most headers, which saves a round trip. */
const firstBytes = 64 * 1024

/** A server that sends whole files only is still good for small ones, in bytes. */
const wholeFileLimit = 64 * 1024 * 1024

/**
 * A source over a URL, read in parts by HTTP Range requests. The first request is made here and tells the length. A
 * server that ignores Range is accepted for a file of at most 64 MiB, which is then kept in memory.
 * @throws `network` when a request fails, or the answer is not the range asked for or of another version of the file;
 * `not-found` for 404; `unsupported` when a larger file cannot be had in parts.
 */
export async function urlSource(url: string | URL, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const name = String(url)
  const first = await request(name, 0, firstBytes, options)
  if (first.status === 416) return bytesSource(new Uint8Array(0), name)
  if (first.status === 200) return bytesSource(await readBody(name, first, wholeFileLimit, options), name)
  const range = contentRange(name, first)
  const byteLength = range.total
  checkAnswer(name, range, 0, Math.min(firstBytes, byteLength), byteLength)
  const start = await readBody(name, first, range.end, options)
  const etag = first.headers.get('etag')

  return {
    name,
    byteLength,
    async read(begin, end) {
      checkRange(name, begin, end, byteLength)
      if (begin === end) return new Uint8Array(0)
      if (end <= start.length) return start.subarray(begin, end)
      const response = await request(name, begin, end, options)
      check(
        response.status === 206,
        'network',
        () => `${name}: asked for a range, the server answered ${response.status}`,
      )
      checkAnswer(name, contentRange(name, response), begin, end, byteLength)
      check(
        etag === response.headers.get('etag'),
        'network',
        () => `${name}: the file changed while it was read; open it again`,
      )
      return readBody(name, response, end - begin, options)
    },
  }
}

async function request(name: string, begin: number, end: number, options: UrlSourceOptions): Promise<Response> {
  const { headers = {}, fetch = globalThis.fetch, signal = null } = options
  let response: Response
  try {
    response = await fetch(name, { headers: { ...headers, range: `bytes=${begin}-${end - 1}` }, signal })
  } catch (cause) {
    options.signal?.throwIfAborted()
    throw new MedAwareError('network', `${name}: the request failed; is the address reachable from here?`, { cause })
  }
  const { status, statusText } = response
  check(status !== 404, 'not-found', () => `${name}: no such file (404)`)
  check([200, 206, 416].includes(status), 'network', () =>
    `${name}: the server answered ${status} ${statusText}`.trimEnd(),
  )
  return response
}

function contentRange(name: string, response: Response): { begin: number; end: number; total: number } {
  const text = response.headers.get('content-range') ?? ''
  const [, begin, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text) ?? []
  check(
    total !== undefined,
    'network',
    () =>
      `${name}: no usable Content-Range ("${text}"); across origins the server must list it in Access-Control-Expose-Headers`,
  )
  return { begin: Number(begin), end: Number(last) + 1, total: Number(total) }
}

function checkAnswer(
  name: string,
  range: { begin: number; end: number; total: number },
  begin: number,
  end: number,
  total: number,
): void {
  check(
    range.begin === begin && range.end === end && range.total === total,
    'network',
    () =>
      `${name}: asked for bytes ${begin} to ${end} of ${total}, the server sent ` +
      `${range.begin} to ${range.end} of ${range.total}`,
  )
}

/** Reads a body of exactly `bytes` bytes (206), or of at most so many (200), whatever the server sends. */
async function readBody(
  name: string,
  response: Response,
  bytes: number,
  { signal }: UrlSourceOptions,
): Promise<Uint8Array> {
  const isWhole = response.status === 200
  if (isWhole) refuseLarge(name, Number(response.headers.get('content-length') ?? 0), bytes)
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (const reader = response.body?.getReader(); reader;) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value)
      length += value.length
      if (length > bytes) {
        await reader.cancel()
        break
      }
    }
  } catch (cause) {
    signal?.throwIfAborted()
    throw new MedAwareError('network', `${name}: the connection broke after ${length} of ${bytes} bytes`, { cause })
  }
  if (isWhole) refuseLarge(name, length, bytes)
  else check(length === bytes, 'network', () => `${name}: asked for ${bytes} bytes, the server sent ${length}`)
  const body = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}

function refuseLarge(name: string, length: number, limit: number): void {
  check(
    length <= limit,
    'unsupported',
    () =>
      `${name}: the server ignores Range requests and the file is over ${limit} bytes; download it and open the file`,
  )
}
