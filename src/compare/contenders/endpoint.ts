import { fetch as platformFetch } from '#platform'
import { check } from '../../core/errors.ts'
import {
  callback,
  number,
  oneOf,
  type OptionRules,
  orNull,
  readArgument,
  readOptions,
  table,
  text,
  that,
  whole,
} from '../../core/options.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { type Fetch, HttpClient, shownUrl } from '../../safetensors/http-client.ts'
import { parseAddress } from '../../safetensors/url-source.ts'
import { type Prices, pricesRules, type WritingContender } from './contender.ts'
import { askEndpoint, type EndpointSettings } from './endpoint-request.ts'

/** How a server of models is asked. */
export interface EndpointOptions {
  /** The model's name there. */
  readonly model: string
  /** Its name in tables. Default: the model's. */
  readonly name?: string
  /** `chat` sends the prompt as a user's message, `completions` as a text to go on with. Default `chat`. */
  readonly api?: 'chat' | 'completions'
  /** Sent as a bearer token to the address's origin, and to none that it redirects to; never shown or kept. */
  readonly apiKey?: string
  /** Default: what it costs is not counted. */
  readonly prices?: Prices
  /** Requests at a time. Default 4. */
  readonly concurrency?: number
  /** Seconds that an answer may take. Default 600, as OpenAI's client. */
  readonly timeout?: number
  /** How often a request is sent again that failed for what may pass, each time after twice as long. Default 5. */
  readonly maxRetries?: number
  /** Default 0; `null` sends none, for models that take no other than their own. */
  readonly temperature?: number | null
  /** A system message before each prompt, with `chat`. Default none. */
  readonly system?: string
  /** What ends a text. Default: nothing with `chat`, and with `completions` an empty line, as lm-evaluation-harness. */
  readonly stop?: readonly string[]
  /** More fields of a request, such as `{ seed: 0 }`; they replace others, and `null` leaves a field out. */
  readonly body?: JsonObject
  /** Default: the platform's `fetch`; in Node by the proxies that the environment names. */
  readonly fetch?: Fetch
}

const rules: OptionRules<EndpointOptions> = {
  model: text,
  name: text,
  api: oneOf(['chat', 'completions']),
  apiKey: that('a key without spaces or line breaks (it is not shown here)', isKey),
  prices: table(pricesRules),
  concurrency: whole({ from: 1, to: 256 }),
  timeout: number({ above: 0, to: 86_400 }),
  maxRetries: whole({ from: 0, to: 10 }),
  temperature: orNull(number({ from: 0 })),
  system: text,
  stop: that('a list of at most 4 texts', (value): value is readonly string[] => {
    return Array.isArray(value) && value.length <= 4 && value.every((each) => typeof each === 'string' && each !== '')
  }),
  body: that('an object of fields', isJsonObject),
  fetch: callback<Fetch>(),
}

function isKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
}

/**
 * A model behind an address that speaks OpenAI's protocol: OpenAI's own, vLLM, llama.cpp's server, Ollama, or
 * `peft-medaware serve`. It is asked at temperature 0 unless `temperature` says otherwise.
 * @param address As far as the version, such as `http://127.0.0.1:8080/v1`.
 * @returns A contender; its `answer` throws MedAwareError `network` for a server that stays away or refuses, with its
 * words, and `format` for an answer of no sense.
 * @throws MedAwareError `config` for a senseless address or option.
 */
export function endpoint(address: string | URL, options: EndpointOptions): WritingContender {
  const who = 'endpoint'
  checkKeyUnseen(who, options)
  const read = readOptions(who, options, rules)
  const { api = 'chat', apiKey: key = null, temperature = 0, system = null, prices, concurrency = 4, body = {} } = read
  const { timeout = 600, maxRetries = 5, fetch = platformFetch } = read
  const model = readArgument(who, 'model', read.model, text)
  const home = parseAddress(`${who}: the address`, address)
  check(home.username === '' && home.password === '', 'config', () => {
    return `${who}: the address must be without a name or a password; give an apiKey instead`
  })
  check(system === null || api === 'chat', 'config', () => `${who}: system goes with api 'chat'`)
  const url = new URL(home)
  url.pathname = `${home.pathname.replace(/\/+$/, '')}/${api === 'chat' ? 'chat/completions' : 'completions'}`
  const stop = read.stop ?? (api === 'chat' ? [] : ['\n\n'])
  const fields = {
    model,
    ...(temperature !== null && { temperature }),
    ...(stop.length > 0 && { stop }),
    ...body,
  }
  const settings: EndpointSettings = { url, name: `${who}: ${shownUrl(url)}`, api, system, key, fields }
  const within = 1000 * timeout
  const http = { fetch, answerWithin: within, silence: within, attempts: maxRetries + 1 }
  let client = new HttpClient(http)
  return {
    name: read.name ?? model,
    identity: JSON.stringify({ url: shownUrl(url), ...fields, ...(system !== null && { system }) }),
    concurrency,
    ...(prices !== undefined && { prices }),
    answer(prompt, { maxTokens, signal }) {
      // One client for all that one signal ends: it knows whether the server has ever answered.
      if (client.signal !== signal) client = new HttpClient(http, signal)
      const asking = client
      return asking.persist(() => askEndpoint(asking, settings, prompt, maxTokens))
    },
  }
}

/** An error shows what was given, and a key must not be shown. */
function checkKeyUnseen(who: string, options: unknown): void {
  const key = isJsonObject(options) ? options['apiKey'] : undefined
  check(key === undefined || isKey(key), 'config', () => {
    return `${who}: apiKey must be a text without spaces or line breaks; it is not shown here. Is its variable set?`
  })
}
