import { MedAwareError } from '../../core/errors.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../core/json.ts'
import { shorten } from '../../core/show.ts'
import { bodyText } from '../../safetensors/body-text.ts'
import { type HttpClient, type HttpResponse, isRedirect, PassingError } from '../../safetensors/http-client.ts'
import { Patience } from '../../safetensors/patience.ts'
import type { WrittenAnswer } from './contender.ts'
import { readCompletion } from './completion.ts'

/** Bytes that an answer may have: far more than any model writes. */
const mostBytes = 16 * 1024 * 1024
/** Milliseconds that a server may ask to be left alone for; whoever asks for more is not waited for. */
const longestWait = 300_000
/** By which a request may succeed later; OpenAI's client takes the same. */
const passing = [408, 409, 425, 429]

/** What is sent the same way with each prompt. */
export interface EndpointSettings {
  /** Where requests go, and what error messages call it. */
  readonly url: URL
  readonly name: string
  readonly api: 'chat' | 'completions'
  readonly system: string | null
  readonly key: string | null
  /** Fields of a request beside the prompt and its longest answer. */
  readonly fields: JsonObject
}

/**
 * Sends a prompt once. @throws PassingError for what may pass; MedAwareError `network` for what will not; the signal's
 * reason.
 */
export async function askEndpoint(
  client: HttpClient,
  settings: EndpointSettings,
  prompt: string,
  maxTokens: number,
): Promise<WrittenAnswer> {
  const { url, name, api, system, key, fields } = settings
  const messages = [
    ...(system === null ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
  ]
  const put = { max_tokens: maxTokens, ...(api === 'chat' ? { messages } : { prompt }), ...fields }
  const sent = Object.entries(put).filter(([, value]) => value !== null)
  const patience = new Patience(client.signal)
  const started = performance.now()
  try {
    const { response } = await client.ask(
      url.href,
      {
        method: 'POST',
        name,
        headers: { 'content-type': 'application/json' },
        ownHeaders: key === null ? {} : { authorization: `Bearer ${key}` },
        body: JSON.stringify(Object.fromEntries(sent)),
        isHome: true,
      },
      patience,
    )
    const hear = () => patience.within(client.settings.silence)
    const answer = await bodyText(`${name}: the answer`, response.body, mostBytes, hear).catch((cause: unknown) => {
      throw client.failure(`${name}, in the middle of its answer,`, cause, patience)
    })
    const parsed = jsonOf(name, answer)
    if (!response.ok) return refusalOr(response, settings, parsed ?? {}, answer)
    if (parsed === null) throw new PassingError(`${name} answered with what is no JSON object: ${shown(answer, key)}`)
    // Some routers report what failed behind them as a success.
    if (isJsonObject(parsed['error'])) {
      const { code } = parsed['error']
      return refusalOr({ ...plain(response), status: Number(code) || 400 }, settings, parsed, answer)
    }
    return { ...readCompletion(name, api, parsed), seconds: (performance.now() - started) / 1000 }
  } finally {
    patience.stop()
  }
}

type Refusal = Pick<HttpResponse, 'status' | 'statusText' | 'headers'>

function plain({ status, statusText, headers }: HttpResponse): Refusal {
  return { status, statusText, headers }
}

/** An answer where a refusal is about the question; else it throws. */
function refusalOr(
  response: Refusal,
  { name, key }: EndpointSettings,
  parsed: JsonObject,
  body: string,
): WrittenAnswer {
  const { status, statusText } = response
  const error = isJsonObject(parsed['error']) ? parsed['error'] : parsed
  const [code, type, said] = [error['code'], error['type'], error['message'] ?? parsed['error']].map((each) => {
    return typeof each === 'string' ? each : ''
  })
  const about = `${code} ${type} ${said}`
  const nothing = { text: '', promptTokens: null, completionTokens: null } as const
  const isAboutQuestion = status === 400 || status === 413 || status === 422
  if (isAboutQuestion && /content_filter|content_policy|content management policy/i.test(about)) {
    return { ...nothing, finish: 'refused' }
  }
  if (isAboutQuestion && /context_length|exceed_context|maximum context|context (size|length|window)/i.test(about)) {
    return { ...nothing, finish: 'too-long' }
  }
  const words = shown(said === '' ? body : (said ?? ''), key)
  const message = `${name} answered ${`${status} ${statusText}`.trimEnd()}${words === '' ? '' : `: ${words}`}`
  // A quota that is used up answers 429 as well, and does not pass.
  const isSpent = /insufficient_quota|billing/i.test(about)
  if ((passing.includes(status) || status >= 500) && !isSpent) {
    const retryAfter = retryAfterOf(response.headers)
    if (retryAfter <= longestWait) throw new PassingError(message, {}, retryAfter)
    const wait = `it asks to be left alone for ${Math.ceil(retryAfter / 1000)} s`
    throw new MedAwareError('network', `${message}; ${wait}, go on later`)
  }
  throw new MedAwareError('network', `${message}${remedyFor(response, key)}`)
}

function remedyFor({ status }: Refusal, key: string | null): string {
  if (status === 401 || status === 403) return key === null ? '; it wants a key' : '; does the key belong to it?'
  if (status === 404) return "; does the address end in /v1, and does it have this model, by 'chat' or 'completions'?"
  if (isRedirect({ status })) {
    return '; it redirects elsewhere, give that address instead'
  }
  return ''
}

/** Milliseconds by Retry-After, seconds or a date, or OpenAI's retry-after-ms; 0 where there is none. */
function retryAfterOf(headers: HttpResponse['headers']): number {
  const [exact, said] = [headers.get('retry-after-ms'), headers.get('retry-after')]
  if (exact !== null && /^\d{1,12}$/.test(exact)) return Number(exact)
  if (said === null) return 0
  if (/^\d{1,9}(\.\d+)?$/.test(said)) return 1000 * Number(said)
  const until = Date.parse(said) - Date.now()
  return Number.isNaN(until) ? 0 : Math.max(0, until)
}

/** `null` for what is no JSON object. */
function jsonOf(name: string, answer: string): JsonObject | null {
  try {
    const parsed = parseJson(name, answer)
    return isJsonObject(parsed) ? parsed : null
  } catch (error) {
    if (error instanceof MedAwareError) return null
    throw error
  }
}

/** A server's words, for an error: in one line, and without the key, which some repeat. */
function shown(words: string, key: string | null): string {
  const safe = key === null ? words : words.replaceAll(key, '(the key)')
  return shorten(safe.replace(/\s+/g, ' ').trim(), 300)
}
