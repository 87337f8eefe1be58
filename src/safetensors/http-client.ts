import { check, MedAwareError } from '../core/errors.ts'
import { show } from '../core/show.ts'
import { pause, type Patience } from './patience.ts'

/** What asks a server: the platform's `fetch`, or another one. */
export type Fetch = (address: URL, init: FetchInit) => Promise<HttpResponse>

export interface FetchInit {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  /** What is sent; of what is only read there is none. */
  readonly body?: Blob | string | null
  readonly headers: Record<string, string>
  readonly redirect: 'manual' | 'follow'
  readonly signal: AbortSignal
}

/** What is used of a `Response`, whoever made it. */
export interface HttpResponse {
  readonly type: string
  readonly status: number
  readonly statusText: string
  readonly ok: boolean
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): BodyReader; cancel(): Promise<void> } | null
}

export interface BodyReader {
  read(): Promise<{ value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

/** By what requests are made, and how long they are waited for. */
export interface HttpSettings {
  readonly fetch: Fetch
  /** Milliseconds within which an answer must begin. */
  readonly answerWithin: number
  /** Milliseconds without a byte of an answer after which its connection counts as broken. */
  readonly silence: number
  /** How often what fails for what may pass is done at most. Default 4. */
  readonly attempts?: number
}

/** What is asked for. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** How error messages call it. */
  readonly name: string
  /** Of a POST. */
  readonly body?: string
  /** Headers for whoever answers in the end. */
  readonly headers?: Readonly<Record<string, string>>
  /** Headers for the origin that is asked, and for no other that it redirects to: a token. */
  readonly ownHeaders?: Readonly<Record<string, string>>
  /** Whether a redirect to another origin is the answer. */
  readonly isHome?: boolean
}

/** What a request came to. */
export interface Answer {
  readonly response: HttpResponse
  /** All responses in their order, those that redirected first. */
  readonly seen: readonly HttpResponse[]
}

/** Milliseconds: `HF_HUB_ETAG_TIMEOUT`'s default, and thrice huggingface_hub's `HF_HUB_DOWNLOAD_TIMEOUT`. */
export const defaultWaits = { answerWithin: 10_000, silence: 30_000 } as const

const mostRedirects = 10

/** A failure that may pass: no answer, a broken connection, a server that is busy. Its code is `network`. */
export class PassingError extends MedAwareError {
  /** @param wait Milliseconds that the server asks to be left alone for. */
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly wait = 0,
  ) {
    super('network', message, options)
  }
}

/** Requests that end: each with a limit of time, and again where what failed may pass. */
export class HttpClient {
  #hasAnswered = false
  /** 'manual' until an answer shows that this platform does not let redirects be seen: a browser. */
  #redirect: FetchInit['redirect'] = 'manual'

  constructor(
    readonly settings: HttpSettings,
    readonly signal?: AbortSignal,
  ) {}

  /**
   * Asks, and follows redirects. `patience` says how long for; it is the caller's to stop when the body is read.
   * @throws PassingError when there is no answer; MedAwareError `network` for redirects that lead nowhere; the signal's
   * reason.
   */
  async ask(address: string, request: HttpRequest, patience: Patience): Promise<Answer> {
    const { method, name, headers, ownHeaders, body = null, isHome = false } = request
    const home = new URL(address).origin
    const seen: HttpResponse[] = []
    for (let url = new URL(address); seen.length <= mostRedirects;) {
      patience.within(this.settings.answerWithin)
      const own = url.origin === home ? ownHeaders : {}
      // What is compressed on its way has no length that could be checked, and no ranges. Browsers decide that
      // themselves.
      const response = await this.#send(url, name, patience, {
        method,
        headers: { 'accept-encoding': 'identity', ...headers, ...own },
        body,
      })
      const target = redirectOf(name, response, url)
      if (target === null || (isHome && target.origin !== home)) return { response, seen: [...seen, response] }
      seen.push(response)
      await response.body?.cancel()
      url = target
    }
    throw new MedAwareError('network', `${name} redirects more than ${mostRedirects} times`)
  }

  async #send(url: URL, name: string, patience: Patience, init: Pick<FetchInit, 'method' | 'headers' | 'body'>) {
    const { fetch } = this.settings
    const send = () => fetch(url, { ...init, redirect: this.#redirect, signal: patience.signal })
    try {
      let response = await send()
      if (response.type === 'opaqueredirect') {
        this.#redirect = 'follow'
        response = await send()
      }
      this.#hasAnswered = true
      return response
    } catch (cause) {
      throw this.failure(name, cause, patience)
    }
  }

  /** What a failed request or a broken connection comes to: a `PassingError`, or the reason of the caller's signal. */
  failure(name: string, cause: unknown, patience: Patience): unknown {
    if (this.signal?.aborted === true) return this.signal.reason
    if (cause instanceof MedAwareError) return cause
    const why = patience.signal.aborted ? (patience.signal.reason as unknown) : cause
    return new PassingError(`${name} cannot be reached, ${reasonOf(why)}`, { cause })
  }

  /**
   * Does work again that fails for what may pass, unless nobody has answered yet: who never does is asked once.
   * @param reached How far the work is. As long as it gets further, it is not given up.
   */
  async persist<T>(work: () => Promise<T>, reached: () => number = () => 0): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const before = reached()
      try {
        return await work()
      } catch (error) {
        if (reached() > before) attempt = 0
        const isLast = !this.#hasAnswered || attempt >= (this.settings.attempts ?? 4)
        if (!(error instanceof PassingError) || isLast) throw error
        await pause(error.wait || 200 * 2 ** attempt, this.signal)
      }
    }
  }
}

/**
 * Refuses an answer that is not what was asked for; by huggingface_hub's http_backoff, some may be another one later.
 */
export function refusalOf(message: string, status: number): MedAwareError {
  const isPassing = [408, 429, 500, 502, 503, 504].includes(status)
  return isPassing ? new PassingError(message) : new MedAwareError('network', message)
}

/** Whether an answer sends the asker elsewhere. */
export function isRedirect({ status }: Pick<HttpResponse, 'status'>): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** An address for error messages: what stands in front of a host, or behind a `?`, may be a secret. */
export function shownUrl({ origin, pathname }: URL): string {
  return origin + pathname
}

/**
 * A path below an address whose parts mean nothing but themselves, `%2e%2e`, `?` and `#` included.
 * @throws MedAwareError `config` for one that leads elsewhere.
 */
export function encodePath(path: string): string {
  const parts = path.split('/')
  check(!parts.some((part) => /^\.*$/.test(part)), 'config', () => `${show(path)} is no path of a file`)
  return parts.map(encodeURIComponent).join('/')
}

/** Where an answer redirects to; null when it does not. */
function redirectOf(name: string, response: HttpResponse, from: URL): URL | null {
  const location = isRedirect(response) ? response.headers.get('location') : null
  if (location === null) return null
  let target: URL
  try {
    target = new URL(location, from)
  } catch (cause) {
    throw new MedAwareError('network', `${name} redirects to what is no address`, { cause })
  }
  if (!/^https?:$/.test(target.protocol)) {
    throw new MedAwareError('network', `${name} redirects to ${target.protocol}, which is neither http nor https`)
  }
  target.username = target.password = ''
  return target
}

/** fetch says "fetch failed"; why stands in the causes below it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return reasonOf(error.cause)
  return error.message || ('code' in error ? String(error.code) : error.name)
}
