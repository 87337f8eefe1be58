import { platformName } from '#platform'
import { check, MedAwareError } from '../core/errors.ts'
import type { HubSettings } from './hub-settings.ts'
import { Patience } from './patience.ts'

/** A model on the Hub. */
export interface HubModel {
  /** `owner/name`. */
  readonly name: string
  /** A branch, a tag or a commit. */
  readonly revision: string
}

/** What the Hub says of a file without sending it. */
export interface HubFile {
  /** Its version: the sha256 of a large file, git's sha1 of a small one. */
  readonly etag: string
  /** Null where the server does not say. */
  readonly byteLength: number | null
}

/** What the Hub says of a file's place. */
export interface HubAnswer {
  /** The commit that the revision stands for; null where the server does not say. */
  readonly commit: string | null
  /** Null when the model has no such file. */
  readonly file: HubFile | null
}

const answerWithin = 10_000
const mostRedirects = 10

/** Requests to the Hub. @throws MedAwareError `network`, or `not-found` for a model or a revision; the signal's reason when it aborts. */
export class HubClient {
  constructor(
    readonly settings: HubSettings,
    readonly signal?: AbortSignal,
  ) {}

  /** Where a file lies. */
  urlOf({ name, revision }: HubModel, fileName: string): string {
    return `${this.settings.endpoint}/${name}/resolve/${encodeURIComponent(revision)}/${fileName}`
  }

  /** Headers of a request that goes to the Hub itself. */
  get headers(): Readonly<Record<string, string>> {
    const { token } = this.settings
    return token === null ? {} : { authorization: `Bearer ${token}` }
  }

  /** Asks for a file's version and size, by huggingface_hub's file_download.py, get_hf_file_metadata. */
  async describe(model: HubModel, fileName: string): Promise<HubAnswer> {
    const url = this.urlOf(model, fileName)
    const patience = new Patience(answerWithin, this.signal)
    try {
      const { response, said } = await this.#follow(url, { method: 'HEAD', signal: patience.signal })
      const commit = said('x-repo-commit')
      if (!isRedirect(response) && !response.ok) {
        this.#refuse(model, response, url)
        return { commit: plain(commit), file: null }
      }
      const etag = plain((said('x-linked-etag') ?? said('etag'))?.replace(/^(W\/)?"?|"$/g, '') ?? null)
      check(
        etag !== null,
        'network',
        () => `hub: ${url} comes without a usable ETag; is ${this.settings.endpoint} a Hugging Face Hub?`,
      )
      const size = said('x-linked-size') ?? (isRedirect(response) ? null : response.headers.get('content-length'))
      return { commit: plain(commit), file: { etag, byteLength: size === null ? null : Number(size) } }
    } finally {
      patience.stop()
    }
  }

  /** A file's bytes from `begin` on, as the server chooses to send them: 206 from there, or 200 from the start. */
  async get(model: HubModel, fileName: string, begin: number, signal: AbortSignal): Promise<Response> {
    const url = this.urlOf(model, fileName)
    const range: Record<string, string> = begin > 0 ? { range: `bytes=${begin}-` } : {}
    const { response } = await this.#follow(url, { method: 'GET', headers: range, signal })
    if (response.status !== 416 && !response.ok) {
      this.#refuse(model, response, url)
      throw new MedAwareError('not-found', `hub: ${model.name} has no ${fileName} at ${model.revision}`)
    }
    return response
  }

  /** Follows redirects by hand where the platform lets it, so that the token stays with the Hub. A HEAD stays on its host. */
  async #follow(
    first: string,
    { method, headers = {}, signal }: { method: 'HEAD' | 'GET'; headers?: Record<string, string>; signal: AbortSignal },
  ): Promise<{ response: Response; said: (header: string) => string | null }> {
    const { endpoint, fetch } = this.settings
    const redirect = platformName === 'node' ? 'manual' : 'follow'
    const seen: Response[] = []
    for (let url = new URL(first); seen.length <= mostRedirects;) {
      const own = url.origin === new URL(endpoint).origin ? this.headers : {}
      // What is compressed on its way has no length that could be checked, and no ranges. Browsers decide that themselves.
      const plainly = platformName === 'node' ? { 'accept-encoding': 'identity' } : {}
      let response: Response
      try {
        response = await fetch(url, { method, headers: { ...headers, ...plainly, ...own }, redirect, signal })
      } catch (cause) {
        throw this.failure(url.href, cause, signal)
      }
      seen.push(response)
      const next = isRedirect(response) ? response.headers.get('location') : null
      const target = next === null ? null : new URL(next, url)
      if (target === null || (method === 'HEAD' && target.origin !== url.origin)) {
        const said = (header: string) => seen.map((each) => each.headers.get(header)).find((it) => it !== null) ?? null
        return { response, said }
      }
      await response.body?.cancel()
      url = target
    }
    throw new MedAwareError('network', `hub: ${first} redirects more than ${mostRedirects} times`)
  }

  /** What a failed request or a broken connection comes to. */
  failure(what: string, cause: unknown, signal: AbortSignal): unknown {
    if (this.signal?.aborted === true) return this.signal.reason
    if (cause instanceof MedAwareError) return cause
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
    const silence = signal.aborted ? (signal.reason as unknown) : inner
    const reason = silence instanceof Error ? silence.message : String(silence)
    return new MedAwareError('network', `hub: ${what} cannot be reached, ${reason}`, { cause })
  }

  /** Throws for all but a file that is not there; huggingface_hub's utils/_http.py, hf_raise_for_status. */
  #refuse({ name, revision }: HubModel, { status, statusText, headers }: Response, url: string): void {
    const { endpoint, token } = this.settings
    const code = headers.get('x-error-code')
    const message = headers.get('x-error-message') ?? ''
    if (code === 'EntryNotFound' || (status === 404 && code === null)) return
    if (code === 'RevisionNotFound') {
      throw new MedAwareError('not-found', `hub: ${name} has no revision "${revision}" at ${endpoint}`)
    }
    if (code === 'GatedRepo') {
      const remedy =
        token === null ? 'set HF_TOKEN to a token of an account that has' : 'with the account of your token'
      throw new MedAwareError('network', `hub: ${name} is gated; accept its terms at ${endpoint}/${name}, ${remedy}`)
    }
    if (code === 'RepoNotFound' || (status === 401 && !message.startsWith('Invalid credentials'))) {
      const remedy = token === null ? 'HF_TOKEN is not set' : 'the token does not open it'
      throw new MedAwareError('not-found', `hub: ${endpoint} has no model ${name}, or it is private and ${remedy}`)
    }
    const why = status === 401 ? ', the token is not valid' : message && `, ${message}`
    throw new MedAwareError('network', `hub: ${url} answered ${`${status} ${statusText}`.trimEnd()}${why}`)
  }
}

function isRedirect({ status }: Response): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** A word that may become a file's name; null for one that may not. */
function plain(word: string | null): string | null {
  return word !== null && /^[\w-][\w.-]*$/.test(word) ? word : null
}
