import { disk } from '#platform'
import { joined } from '../core/bytes.ts'
import { MedAwareError } from '../core/errors.ts'
import {
  PassingError,
  reasonOf,
  refusalOf,
  shownUrl,
  type Fetch,
  type HttpResponse,
} from '../safetensors/http-client.ts'
import { Patience, pause } from '../safetensors/patience.ts'
import { CountedBlob } from './counted-blob.ts'
import { type PushPlace, refusePush } from './push-refusal.ts'

/** What is sent by. */
export interface PushFetchOptions {
  readonly fetch: Fetch
  readonly place: PushPlace
  readonly signal: AbortSignal | undefined
}

type Init = RequestInit & { readonly progressHint?: { readonly progressCallback: (progress: number) => void } }

const mostAttempts = 5
/** Seconds that are waited for at most where a server says when to come again. */
const mostWait = 60
/** Milliseconds without a byte; a commit of many files takes the Hub a while. */
const silence = 300_000
/** Bytes of an answer: all that are asked for are small. */
const mostBytes = 16 * 1024 * 1024
const shownHeaders = ['content-type', 'etag', 'x-request-id']

/**
 * A `fetch` for @huggingface/hub: by the proxies of the environment, again where what failed may pass, with a sentence
 * where it does not, and heard of as the bytes go. A pull request is asked for once: a second would be another one.
 */
export function pushFetch({ fetch, place, signal }: PushFetchOptions): typeof globalThis.fetch {
  let hasAnswered = false

  async function attempt(url: URL, init: Init): Promise<Response> {
    const patience = new Patience(init.signal ?? signal)
    try {
      patience.within(silence)
      const response = await fetch(url, {
        method: init.method === 'POST' || init.method === 'PUT' ? init.method : 'GET',
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(init.body !== undefined && init.body !== null && { body: bodyOf(init, () => patience.within(silence)) }),
        ...{ redirect: 'follow', signal: patience.signal },
      })
      hasAnswered = true
      const body = await readAll(response, () => patience.within(silence))
      if (response.ok) return answerOf(response, body)
      throw refuse(url, response, body)
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason
      if (cause instanceof MedAwareError) throw cause
      const why = patience.signal.aborted ? (patience.signal.reason as unknown) : cause
      throw new PassingError(`pushToHub: ${shownUrl(url)} cannot be reached, ${reasonOf(why)}`, { cause })
    } finally {
      patience.stop()
    }
  }

  function refuse(url: URL, response: HttpResponse, body: Uint8Array<ArrayBuffer>): Error {
    const { status, headers } = response
    const retryAfter = Number(headers.get('retry-after') ?? NaN)
    const answer = { status, message: messageIn(response, body), shown: shownUrl(url) }
    const refusal = refusePush({ ...answer, retryAfter: Number.isFinite(retryAfter) ? retryAfter : null }, place)
    const isPassing = refusalOf('', status) instanceof PassingError && !(retryAfter > mostWait)
    return isPassing ? new Later(refusal, Number.isFinite(retryAfter) ? retryAfter : null) : refusal
  }

  return async (input, init: Init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const isOnce = url.searchParams.get('create_pr') === '1' && url.pathname.includes('/commit/')
    for (let tried = 1; ; tried++) {
      try {
        signal?.throwIfAborted()
        return await attempt(url, init)
      } catch (error) {
        const isLater = error instanceof Later
        const mayPass = isLater || (error instanceof PassingError && hasAnswered && !isOnce)
        if (!mayPass || tried >= mostAttempts) throw isLater ? error.refusal : error
        const wait = (isLater ? error.seconds : null) ?? 0.2 * 2 ** tried
        await pause(1000 * wait, signal)
      }
    }
  }
}

/** A refusal that may pass. */
class Later extends Error {
  constructor(
    readonly refusal: Error,
    readonly seconds: number | null,
  ) {
    super(refusal.message)
  }
}

/** What is sent, heard of as it goes where the platform sends Blobs of one's own making: Node. */
function bodyOf({ body, progressHint }: Init, heard: () => void): Blob | string {
  if (typeof body === 'string') return body
  if (!(body instanceof Blob)) throw new TypeError('pushToHub: @huggingface/hub sends what is neither text nor a Blob')
  if (disk === null) return body
  return new CountedBlob(body, (sent) => {
    heard()
    progressHint?.progressCallback(body.size === 0 ? 1 : sent / body.size)
  })
}

async function readAll({ body }: HttpResponse, heard: () => void): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = []
  let length = 0
  for (const reader = body?.getReader(); reader !== undefined;) {
    const { value } = await reader.read()
    heard()
    if (value === undefined) break
    pieces.push(value)
    length += value.length
    if (length <= mostBytes) continue
    await reader.cancel()
    throw new MedAwareError(
      'network',
      `pushToHub: an answer is longer than ${mostBytes} bytes; is this a Hugging Face Hub?`,
    )
  }
  return joined(pieces)
}

function answerOf({ status, headers }: HttpResponse, body: Uint8Array<ArrayBuffer>): Response {
  const known = shownHeaders.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] satisfies [string, string]]
  })
  return new Response(body.length === 0 ? null : body, { status, headers: Object.fromEntries(known) })
}

/** What a server says of a refusal, shortened: it may be a page. */
function messageIn({ headers }: HttpResponse, body: Uint8Array): string {
  const said = headers.get('x-error-message')
  if (said !== null) return said
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
    const { error, message } = parsed as { readonly error?: unknown; readonly message?: unknown }
    return [error, message].find((each) => typeof each === 'string')?.slice(0, 300) ?? ''
  } catch {
    return ''
  }
}
