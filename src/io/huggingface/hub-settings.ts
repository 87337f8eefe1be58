import { disk, environment, fetch as platformFetch, fileExists, readTextFile } from '#platform'
import { check } from '../../core/errors.ts'
import { type Aliases, callback, flag, type OptionRules, orNull, text } from '../../core/options.ts'
import { defaultWaits, type Fetch, type HttpSettings } from '../../safetensors/http-client.ts'
import { parseAddress } from '../../safetensors/url-source.ts'

/**
 * How the Hugging Face Hub is reached. What is left out is as huggingface_hub has it: from the environment, else a
 * default.
 */
export interface HubOptions {
  /** The Hub's address. Default: `HF_ENDPOINT`, else https://huggingface.co. */
  readonly endpoint?: string
  /**
   * For private and gated models; `null` sends none. Default: `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, else the file
   * `HF_TOKEN_PATH` or `HF_HOME`/token. It is sent to the endpoint only, never to where that redirects.
   */
  readonly token?: string | null
  /**
   * Folder of the cache. Default: `HF_HUB_CACHE`, `HF_HOME`/hub, else ~/.cache/huggingface/hub; in a page
   * peft-medaware, in what the browser keeps for its origin.
   */
  readonly cacheFolder?: string
  /** Make no request, take what is in the cache. Default: whether `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` is set. */
  readonly offline?: boolean
  /**
   * Ask the Hub which commit a branch or a tag is now, though files of one are kept. Default: true in Node, as
   * huggingface_hub has it; false in a page, so that a second visit makes no request.
   */
  readonly refresh?: boolean
  /**
   * Download files whole and keep them. Else what is not kept is read in parts: enough for a plan, which needs headers
   * only. Default true.
   */
  readonly download?: boolean
  /**
   * Default: the platform's `fetch`; in Node by the proxies that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and
   * `NO_PROXY` name. How long it is waited for is `HF_HUB_ETAG_TIMEOUT` (10 s for an answer) and
   * `HF_HUB_DOWNLOAD_TIMEOUT` (30 s without a byte).
   */
  readonly fetch?: Fetch
}

/** Rules of `HubOptions`. */
export const hubRules: OptionRules<HubOptions> = {
  endpoint: text,
  token: orNull(text),
  cacheFolder: text,
  offline: flag,
  refresh: flag,
  download: flag,
  fetch: callback<Fetch>(),
}

/** huggingface_hub's and transformers' words for them. */
export const hubAliases: Aliases<HubOptions> = {
  cacheDir: 'cacheFolder',
  cache_dir: 'cacheFolder',
  localFilesOnly: 'offline',
  local_files_only: 'offline',
  useAuthToken: 'token',
  use_auth_token: 'token',
  accessToken: 'token',
}

/** The same with everything found. */
export interface HubSettings extends HttpSettings {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly token: string | null
  readonly cacheFolder: string
  readonly offline: boolean
  readonly refresh: boolean
  readonly download: boolean
}

/** By huggingface_hub's constants.py and utils/_auth.py. */
export async function findHubSettings(options: HubOptions = {}): Promise<HubSettings> {
  // Looked for where it is needed only: a program may not be allowed to know.
  const home = () => expand(environment('HF_HOME')) ?? `${cacheHome()}/huggingface`
  const found = environment('HF_HUB_CACHE') ?? environment('HUGGINGFACE_HUB_CACHE')
  const cache = () => expand(options.cacheFolder ?? found) ?? `${home()}/hub`
  return {
    endpoint: endpointOf(options.endpoint ?? environment('HF_ENDPOINT') ?? 'https://huggingface.co'),
    token: options.token === undefined ? await findToken(home) : options.token,
    cacheFolder: disk === null ? (options.cacheFolder ?? 'peft-medaware') : cache(),
    refresh: options.refresh ?? disk !== null,
    download: options.download ?? true,
    offline: options.offline ?? (isOn('HF_HUB_OFFLINE') || isOn('TRANSFORMERS_OFFLINE')),
    fetch: options.fetch ?? platformFetch,
    answerWithin: secondsOf('HF_HUB_ETAG_TIMEOUT') ?? defaultWaits.answerWithin,
    silence: secondsOf('HF_HUB_DOWNLOAD_TIMEOUT') ?? defaultWaits.silence,
  }
}

function endpointOf(address: string): string {
  const { username, password } = parseAddress('hub: the endpoint', address)
  check(username === '' && password === '', 'config', () => {
    return 'hub: the endpoint must be an address without a name or a password; give a token instead'
  })
  return address.replace(/\/+$/, '')
}

/** Milliseconds of a variable that has whole seconds, from 1 on. */
function secondsOf(name: string): number | null {
  const text = environment(name) ?? ''
  return /^[1-9]\d{0,5}$/.test(text) ? 1000 * Number(text) : null
}

async function findToken(home: () => string): Promise<string | null> {
  if (disk === null || isOn('HF_HUB_DISABLE_IMPLICIT_TOKEN')) return null
  const given = environment('HF_TOKEN') ?? environment('HUGGING_FACE_HUB_TOKEN')
  if (given !== undefined) return cleaned(given)
  const path = expand(environment('HF_TOKEN_PATH')) ?? `${home()}/token`
  return (await fileExists(path)) ? cleaned(await readTextFile(path)) : null
}

function cleaned(token: string): string | null {
  return token.replace(/[\r\n]/g, '').trim() || null
}

function cacheHome(): string {
  return environment('XDG_CACHE_HOME') ?? `${disk?.home ?? ''}/.cache`
}

function expand(path: string | undefined): string | undefined {
  return path?.replace(/^~(?=\/|$)/, () => disk?.home ?? '~')
}

function isOn(name: string): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((environment(name) ?? '').toUpperCase())
}
