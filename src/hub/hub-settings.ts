import { disk, environment, fileExists, readTextFile } from '#platform'
import type { Fetch } from '../safetensors/url-source.ts'

/** How the Hugging Face Hub is reached. What is left out is as huggingface_hub has it: from the environment, else a default. */
export interface HubOptions {
  /** The Hub's address. Default: `HF_ENDPOINT`, else https://huggingface.co. */
  readonly endpoint?: string
  /**
   * For private and gated models; `null` sends none. Default: `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, else the file
   * `HF_TOKEN_PATH` or `HF_HOME`/token. It is sent to the endpoint only, never to where that redirects.
   */
  readonly token?: string | null
  /** Folder of the cache. Default: `HF_HUB_CACHE`, `HF_HOME`/hub, else ~/.cache/huggingface/hub. Browsers have none. */
  readonly cacheFolder?: string
  /** Make no request, take what is in the cache. Default: whether `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` is set. */
  readonly offline?: boolean
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch
}

/** The same with everything found. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly token: string | null
  readonly cacheFolder: string | null
  readonly offline: boolean
  readonly fetch: Fetch
}

/** By huggingface_hub's constants.py and utils/_auth.py. */
export async function findHubSettings(options: HubOptions = {}): Promise<HubSettings> {
  const home = expand(environment('HF_HOME')) ?? `${cacheHome()}/huggingface`
  const found = environment('HF_HUB_CACHE') ?? environment('HUGGINGFACE_HUB_CACHE')
  const cache = expand(options.cacheFolder ?? found) ?? `${home}/hub`
  return {
    endpoint: (options.endpoint ?? environment('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    token: options.token === undefined ? await findToken(home) : options.token,
    cacheFolder: disk === null ? null : cache,
    offline: options.offline ?? (isOn('HF_HUB_OFFLINE') || isOn('TRANSFORMERS_OFFLINE')),
    fetch: options.fetch ?? globalThis.fetch,
  }
}

async function findToken(home: string): Promise<string | null> {
  if (disk === null || isOn('HF_HUB_DISABLE_IMPLICIT_TOKEN')) return null
  const given = environment('HF_TOKEN') ?? environment('HUGGING_FACE_HUB_TOKEN')
  if (given !== undefined) return cleaned(given)
  const path = expand(environment('HF_TOKEN_PATH')) ?? `${home}/token`
  return (await fileExists(path)) ? cleaned(await readTextFile(path)) : null
}

function cleaned(token: string): string | null {
  return token.replace(/[\r\n]/g, '').trim() || null
}

function cacheHome(): string {
  return environment('XDG_CACHE_HOME') ?? `${disk?.home ?? ''}/.cache`
}

function expand(path: string | undefined): string | undefined {
  return path?.replace(/^~(?=\/|$)/, disk?.home ?? '~')
}

function isOn(name: string): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((environment(name) ?? '').toUpperCase())
}
