import { disk } from '#platform'
import { check, MedAwareError } from '../../core/errors.ts'
import {
  type Answer,
  encodePath,
  HttpClient,
  type HttpRequest,
  type HttpResponse,
  isRedirect,
  refusalOf,
} from '../../safetensors/http-client.ts'
import { Patience } from '../../safetensors/patience.ts'
import { type HubFile, type HubListing, readListing } from './hub-listing.ts'
import type { HubModel } from './hub-address.ts'
import type { HubSettings } from './hub-settings.ts'

/** What the Hub says of a file's place. */
export interface HubAnswer {
  /** The commit that the revision stands for; null where the server does not say. */
  readonly commit: string | null
  /** Null when the model has no such file. */
  readonly file: HubFile | null
}

/**
 * Requests to the Hub. @throws MedAwareError `network`, or `not-found` for a model or a revision; the signal's reason
 * when it aborts.
 */
export class HubClient {
  readonly http: HttpClient
  readonly #listings = new Map<string, HubListing>()

  constructor(
    readonly settings: HubSettings,
    readonly signal?: AbortSignal,
  ) {
    this.http = new HttpClient(settings, signal)
  }

  /** Where a file lies; names from an index are encoded whole. */
  urlOf({ name, revision }: HubModel, fileName: string): string {
    return `${this.settings.endpoint}/${name}/resolve/${encodeURIComponent(revision)}/${encodePath(fileName)}`
  }

  /** Headers of a request that goes to the Hub itself. */
  get headers(): Readonly<Record<string, string>> {
    const { token } = this.settings
    return token === null ? {} : { authorization: `Bearer ${token}` }
  }

  /**
   * Asks for a file's version and size. A page cannot see what the Hub says when it redirects to where a file is
   * stored, so there the Hub is asked for the list of all.
   */
  async describe(model: HubModel, fileName: string): Promise<HubAnswer> {
    const listing = disk === null ? await this.#list(model) : null
    if (listing === null) return this.#describeFile(model, fileName)
    return { commit: listing.commit, file: listing.files.get(fileName) ?? null }
  }

  /** A model's files, by huggingface_hub's hf_api.py, model_info; null where a server has no such list. */
  async #list(model: HubModel): Promise<HubListing | null> {
    const known = this.#listings.get(`${model.name}@${model.revision}`)
    if (known !== undefined) return known
    const { name, revision } = model
    const url = `${this.settings.endpoint}/api/models/${name}/revision/${encodeURIComponent(revision)}?blobs=true`
    const patience = new Patience(this.signal)
    try {
      const { response } = await this.#ask(url, { method: 'GET' }, patience)
      if (!response.ok) {
        await response.body?.cancel()
        this.#refuse(model, response, url)
        return null
      }
      const listing = await readListing(`hub: ${url}`, response, () => patience.within(this.settings.silence))
      for (const each of [revision, listing.commit]) this.#listings.set(`${name}@${each}`, listing)
      return listing
    } catch (error) {
      throw this.http.failure(`hub: ${url}`, error, patience)
    } finally {
      patience.stop()
    }
  }

  /** By huggingface_hub's file_download.py, get_hf_file_metadata. */
  async #describeFile(model: HubModel, fileName: string): Promise<HubAnswer> {
    const patience = new Patience(this.signal)
    try {
      const url = this.urlOf(model, fileName)
      const { response, seen } = await this.#ask(url, { method: 'HEAD', isHome: true }, patience)
      const said = (header: string) => seen.map((each) => each.headers.get(header)).find((it) => it !== null) ?? null
      const commit = plain(said('x-repo-commit'))
      if (!isRedirect(response) && !response.ok) {
        this.#refuse(model, response, url)
        return { commit, file: null }
      }
      const etag = plain((said('x-linked-etag') ?? said('etag'))?.replace(/^(W\/)?"?|"?$/g, '') ?? null)
      check(
        etag !== null,
        'network',
        () => `hub: ${url} comes without a usable ETag; is ${this.settings.endpoint} a Hugging Face Hub?`,
      )
      const size = said('x-linked-size') ?? (isRedirect(response) ? null : response.headers.get('content-length'))
      return { commit, file: { etag, byteLength: lengthOf(size) } }
    } finally {
      patience.stop()
    }
  }

  /** A file's bytes from `begin` on, as the server chooses to send them: 206 from there, or 200 from the start. */
  async get(model: HubModel, fileName: string, begin: number, patience: Patience): Promise<HttpResponse> {
    const url = this.urlOf(model, fileName)
    const headers: Record<string, string> = begin > 0 ? { range: `bytes=${begin}-` } : {}
    const { response } = await this.#ask(url, { method: 'GET', headers }, patience)
    if (response.ok || response.status === 416) return response
    await response.body?.cancel()
    this.#refuse(model, response, url)
    throw new MedAwareError('not-found', `hub: ${model.name} has no ${fileName} at ${model.revision}`)
  }

  async #ask(url: string, request: Omit<HttpRequest, 'name' | 'ownHeaders'>, patience: Patience): Promise<Answer> {
    // Of a page that may keep nothing; a cache asks nobody where this is set.
    check(!this.settings.offline, 'not-found', () => `hub: ${url} is not kept here, and the Hub is not asked`)
    return this.http.ask(url, { ...request, name: `hub: ${url}`, ownHeaders: this.headers }, patience)
  }

  /** Throws for all but a file that is not there; huggingface_hub's utils/_http.py, hf_raise_for_status. */
  #refuse({ name, revision }: HubModel, { status, statusText, headers }: HttpResponse, url: string): void {
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
    throw refusalOf(`hub: ${url} answered ${`${status} ${statusText}`.trimEnd()}${why}`, status)
  }
}

/** A word that may become a file's name; null for one that may not. */
function plain(word: string | null): string | null {
  return word !== null && /^[\w-][\w.-]*$/.test(word) ? word : null
}

function lengthOf(size: string | null): number | null {
  return size !== null && /^\d{1,15}$/.test(size) ? Number(size) : null
}
