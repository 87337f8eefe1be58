import { check } from '../core/errors.ts'
import { abortSignal, callback, type OptionRules, readOptions, recordOf, that } from '../core/options.ts'
import {
  defaultWaits,
  type Fetch,
  HttpClient,
  type HttpResponse,
  PassingError,
  refusalOf,
  shownUrl,
} from './http-client.ts'
import { Patience } from './patience.ts'
import { bytesFor, bytesSource, checkRange } from './source.ts'
import type { ByteSource } from './source.ts'

export interface UrlSourceOptions {
  /**
   * Sent with every request to the address's own origin, e.g. `{ authorization: 'Bearer …' }`, and not to where that
   * redirects.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a source at an address is asked with. */
export interface Asking {
  readonly client: HttpClient
  /** For the address's own origin only. */
  readonly ownHeaders?: Readonly<Record<string, string>>
  /** Bytes that the file may have at most. Default: no limit. */
  readonly mostBytes?: number | undefined
}

/** Bytes asked for at first: enough for most headers, which saves a round trip. */
const firstBytes = 64 * 1024

/** As much as one request asks for. */
const pieceBytes = 256 * 1024 * 1024

/** A server that sends whole files only is still good for small ones, in bytes. */
const wholeFileLimit = 64 * 1024 * 1024

/**
 * A source over a URL, read in parts by HTTP Range requests. The first request is made here and tells the length. A
 * server that ignores Range is accepted for a file of at most 64 MiB, which is then kept in memory. A server must begin
 * to answer within 10 s and not be silent for 30 s; one that breaks off, or is busy, is asked up to four times. A name
 * and a password in the address are sent as HTTP Basic has it.
 * @throws `network` when a request fails, or the answer is not the range asked for or of another version of the file;
 * `not-found` for 404, or a page in HTML where none was asked for; `unsupported` when a larger file cannot be had in
 * parts; `config` for what is no address, or an unknown option.
 */
export async function urlSource(url: string | URL, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const { headers = {}, fetch = globalThis.fetch, signal } = readOptions('urlSource', options, rules)
  return sourceAt(parseAddress('urlSource', url), {
    client: new HttpClient({ fetch, ...defaultWaits }, signal),
    ownHeaders: headers,
  })
}

const rules: OptionRules<UrlSourceOptions> = {
  headers: recordOf(that('a text', (value): value is string => typeof value === 'string')),
  fetch: callback<Fetch>(),
  signal: abortSignal,
}

/** An http or https address. @throws MedAwareError `config`. */
export function parseAddress(who: string, address: string | URL): URL {
  const url = URL.canParse(address) ? new URL(address) : null
  check(url !== null && /^https?:$/.test(url.protocol), 'config', () => {
    return `${who}: ${url === null ? JSON.stringify(address) : url.protocol} is no address, which begins with https:// or http://`
  })
  return url
}

/** `urlSource` for who has a client. */
export async function sourceAt(given: URL, { client, ownHeaders, mostBytes = Infinity }: Asking): Promise<ByteSource> {
  const { address, credentials } = withoutCredentials(given)
  const name = shownUrl(given)
  const request = new RangeRequest(client, name, address, { ...credentials, ...ownHeaders })
  const refuseLarge = (length: number): void => {
    check(
      length <= mostBytes,
      'format',
      () => `${name}: it is larger than the ${mostBytes} bytes that such a file may have`,
    )
  }
  const refuseWhole = (length: number): void => {
    refuseLarge(length)
    check(length <= wholeFileLimit, 'unsupported', () => {
      return `${name}: the server ignores Range requests and the file is over ${wholeFileLimit} bytes; download it and open the file`
    })
  }

  const first = await client.persist(() =>
    request.ask(0, firstBytes, async (response, readBody) => {
      if (response.status === 416) return { whole: new Uint8Array(0) }
      if (response.status === 200) {
        refuseWhole(Number(response.headers.get('content-length') ?? 0))
        const chunks: Uint8Array<ArrayBuffer>[] = []
        refuseWhole(await readBody(Math.min(wholeFileLimit, mostBytes), (chunk) => chunks.push(chunk.slice())))
        return { whole: new Uint8Array(await new Blob(chunks).arrayBuffer()) }
      }
      const { end, total } = request.checkRange(response, 0, firstBytes)
      refuseLarge(total)
      const start = new Uint8Array(end)
      request.checkLength(end, await readBody(end, (chunk, at) => start.set(chunk, at)))
      return { start, total, etag: response.headers.get('etag') }
    }),
  )
  if ('whole' in first) return bytesSource(first.whole, name)
  const { start, total: byteLength, etag } = first

  return {
    name,
    byteLength,
    async read(begin, end, into) {
      checkRange(name, begin, end, byteLength)
      if (end <= start.length) return start.subarray(begin, end)
      const bytes = into?.subarray(0, end - begin) ?? bytesFor(name, end - begin)
      let at = 0
      const next = (): Promise<void> => {
        const until = Math.min(bytes.length, at + pieceBytes)
        return request.ask(begin + at, begin + until, async (response, readBody) => {
          check(response.status === 206, 'network', () => {
            return `${name}: asked for a range, the server answered ${response.status}`
          })
          const [from, length] = [at, until - at]
          request.checkRange(response, begin + from, begin + until, byteLength)
          check(etag === response.headers.get('etag'), 'network', () => {
            return `${name}: the file changed while it was read; open it again`
          })
          const read = await readBody(length, (chunk, offset) => {
            bytes.set(chunk, from + offset)
            at = from + offset + chunk.length
          })
          request.checkLength(length, read)
        })
      }
      while (at < bytes.length) await client.persist(next, () => at)
      return bytes
    },
  }
}

/** Hands on a body chunk by chunk, up to a length; what is given back is more than that for a longer one. */
type ReadBody = (most: number, take: (chunk: Uint8Array, offset: number) => void) => Promise<number>

/** Questions for parts of one file. */
class RangeRequest {
  constructor(
    readonly client: HttpClient,
    readonly name: string,
    readonly address: string,
    readonly ownHeaders: Readonly<Record<string, string>>,
  ) {}

  /** Asks for the bytes from `begin` to `end`, exclusive, and lets `use` read the answer. */
  async ask<T>(
    begin: number,
    end: number,
    use: (response: HttpResponse, readBody: ReadBody) => Promise<T>,
  ): Promise<T> {
    const { client, name, ownHeaders } = this
    client.signal?.throwIfAborted()
    const headers = { range: `bytes=${begin}-${end - 1}` }
    const patience = new Patience(client.signal)
    let response: HttpResponse | undefined
    try {
      const asked = await client.ask(this.address, { method: 'GET', name, headers, ownHeaders }, patience)
      response = asked.response
      const { status, statusText } = response
      check(status !== 404, 'not-found', () => `${name}: no such file (404)`)
      // Servers of single-page applications send the page where there is no file.
      const isPage = response.ok && response.headers.get('content-type')?.startsWith('text/html') === true
      check(
        !isPage || name.endsWith('.html'),
        'not-found',
        () => `${name}: no such file, the server sends a page (HTML)`,
      )
      if (![200, 206, 416].includes(status)) {
        throw refusalOf(`${name}: the server answered ${status} ${statusText}`.trimEnd(), status)
      }
      const answer = response
      return await use(answer, (...how) => this.#readBody(answer, patience, ...how))
    } finally {
      patience.stop()
      // What is not read holds its connection; what is, has none to give back.
      await response?.body?.cancel().catch(() => undefined)
    }
  }

  /** What a 206 holds, if it is the range that was asked for: all of it but at the file's end. */
  checkRange(response: HttpResponse, begin: number, end: number, total?: number): { end: number; total: number } {
    const { name } = this
    const text = response.headers.get('content-range') ?? ''
    const [, ...words] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text) ?? []
    const [from = NaN, last = NaN, length = NaN] = words.map(Number)
    check(
      words.length > 0 && [from, last, length].every(Number.isSafeInteger),
      'network',
      () =>
        `${name}: no usable Content-Range ("${text}"); across origins the server must list it in Access-Control-Expose-Headers`,
    )
    const wanted = Math.min(end, total ?? length)
    check(
      from === begin && last + 1 === wanted && length === (total ?? length),
      'network',
      () =>
        `${name}: asked for bytes ${begin} to ${wanted} of ${total ?? length}, the server sent ` +
        `${from} to ${last + 1} of ${length}`,
    )
    return { end: wanted, total: length }
  }

  /** Checks how many bytes came of those asked for. */
  checkLength(asked: number, came: number): void {
    const { name } = this
    if (came < asked) throw new PassingError(`${name}: asked for ${asked} bytes, the server sent ${came}`)
    check(came === asked, 'network', () => `${name}: asked for ${asked} bytes, the server sent more`)
  }

  async #readBody(response: HttpResponse, patience: Patience, ...how: Parameters<ReadBody>): Promise<number> {
    const { client, name } = this
    const [most, take] = how
    const reader = response.body?.getReader()
    let length = 0
    try {
      for (;;) {
        patience.within(client.settings.silence)
        const { value } = (await reader?.read()) ?? {}
        if (value === undefined) return length
        const offset = length
        length += value.length
        if (length > most) return length
        take(value, offset)
      }
    } catch (cause) {
      throw client.failure(`${name}, after ${length} of ${most} bytes,`, cause, patience)
    } finally {
      await reader?.cancel().catch(() => undefined)
    }
  }
}

/** An address as fetch takes it, and what it says of who asks. */
function withoutCredentials(url: URL): { address: string; credentials: Readonly<Record<string, string>> } {
  const bare = new URL(url)
  bare.username = bare.password = ''
  if (url.username === '' && url.password === '') return { address: bare.href, credentials: {} }
  const bytes = new TextEncoder().encode([url.username, url.password].map(decoded).join(':'))
  const basic = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
  return { address: bare.href, credentials: { authorization: `Basic ${basic}` } }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
