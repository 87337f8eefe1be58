import { endsOf } from '../generate/generate-text.ts'
import { type AnswerFormat, chatFormat, completionFormat } from './answer/answer-format.ts'
import { streamResponse, wholeResponse } from './answer/answer-response.ts'
import { type AnswerPiece, answers } from './answer/answers.ts'
import { TokenTexts } from './answer/token-texts.ts'
import { ApiError, apiErrorOf, errorResponse } from './api-error.ts'
import { type EndpointOptions, type ResolvedEndpoint, resolveEndpoint } from './endpoint-options.ts'
import { bearerOf, Keys } from './keys.ts'
import { Metrics } from './metrics.ts'
import { FairQueue } from './queue/fair-queue.ts'
import type { AnswerRequest, RequestLimits } from './request/answer-request.ts'
import { readChatRequest } from './request/chat-request.ts'
import { readCompletionRequest } from './request/completion-request.ts'
import { readBody } from './request/read-body.ts'
import { type Ended, RequestWatch } from './request-watch.ts'
import { ServedModels } from './served-models.ts'

/** What is known of a request beside itself. */
export interface RequestInfo {
  /** Whose it is, such as an address: clients are served in turn. Default: all that bring no key are one. */
  readonly client?: string
}

/** OpenAI's protocol over a model and its adapters. */
export interface Endpoint {
  /** Ids of the models, the base's first. */
  readonly models: readonly string[]
  /** Answers a request; never throws. It needs no `this`, so it can be handed to what serves. */
  readonly fetch: (request: Request, info?: RequestInfo) => Promise<Response>
  /** Lets what is being answered end, turns away all else, and frees the prompts that are kept; the model stays. */
  close(): Promise<void>
}

/**
 * An endpoint that speaks OpenAI's protocol: `/v1/completions`, `/v1/chat/completions`, `/v1/models`, `/health` and
 * `/metrics`. The same request with the same seed gets the same answer, bit for bit, whoever else is served.
 * @throws MedAwareError `config` for an option that is unknown or out of range, an adapter that is merged, changes the
 * base or has its name.
 */
export function createEndpoint(options: EndpointOptions): Endpoint {
  return new ModelEndpoint(resolveEndpoint(options))
}

type Route = (request: Request, watch: RequestWatch, client: string) => Promise<Response>

class ModelEndpoint implements Endpoint {
  readonly #options: ResolvedEndpoint
  readonly #served: ServedModels
  readonly #keys: Keys
  readonly #queue: FairQueue
  readonly #metrics = new Metrics()
  readonly #texts: TokenTexts
  readonly #ends: ReadonlySet<number>
  readonly #limits: RequestLimits
  #isClosed = false

  constructor(options: ResolvedEndpoint) {
    const { model, tokenizer, maxChoices, maxTokens } = options
    this.#options = options
    this.#served = new ServedModels(options)
    this.#keys = new Keys(options.apiKeys)
    this.#queue = new FairQueue(options)
    this.#texts = new TokenTexts(tokenizer)
    this.#ends = new Set(endsOf(model, tokenizer))
    this.#limits = { maxChoices, maxTokens, maxContext: model.config.maxPositionEmbeddings }
  }

  get models(): readonly string[] {
    return this.#served.ids
  }

  readonly fetch = async (request: Request, info: RequestInfo = {}): Promise<Response> => {
    const { method } = request
    const { pathname } = new URL(request.url)
    const path = pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname
    const watch = new RequestWatch(request.signal, this.#options.maxSeconds, (ended) => {
      this.#note(method, path, ended)
    })
    try {
      const route = this.#routeOf(method, path)
      if (path !== '/health') await this.#keys.check(request.headers)
      const bearer = bearerOf(request.headers)
      const client = bearer === null ? `client ${info.client ?? ''}` : `key ${bearer}`
      const response = await route(request, watch, client)
      // A stream ends later.
      if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) watch.end(response.status)
      return response
    } catch (thrown) {
      const error = apiErrorOf(thrown)
      watch.end(error.status)
      return errorResponse(error)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue.close()
    await this.#served.dispose()
  }

  readonly #routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
    '/health': { GET: async () => this.#health() },
    '/metrics': { GET: async () => this.#metricsText() },
    '/v1/models': {
      GET: async () => Response.json({ object: 'list', data: this.models.map((id) => this.#modelJson(id)) }),
    },
    '/v1/completions': {
      POST: async (request, watch, client) => {
        const { tokenizer, model, maxBodyBytes } = this.#options
        const body = await readBody(request, maxBodyBytes, watch.signal)
        const asked = await readCompletionRequest(body, tokenizer, model.vocabSize, this.#limits)
        return this.#answer(asked, completionFormat, watch, client)
      },
    },
    '/v1/chat/completions': {
      POST: async (request, watch, client) => {
        const { tokenizer, maxBodyBytes } = this.#options
        const body = await readBody(request, maxBodyBytes, watch.signal)
        return this.#answer(await readChatRequest(body, tokenizer, this.#limits), chatFormat, watch, client)
      },
    },
  }

  /** @throws ApiError 404, and 405 with what there is. */
  #routeOf(method: string, path: string): Route {
    const isModel = path.startsWith('/v1/models/')
    const methods = isModel
      ? { GET: async () => Response.json(this.#modelJson(idOf(path))) }
      : Object.hasOwn(this.#routes, path)
        ? this.#routes[path]
        : undefined
    if (methods === undefined) {
      throw new ApiError(404, `there is nothing at ${path}; there are ${Object.keys(this.#routes).join(', ')}`, {
        code: 'unknown_url',
      })
    }
    const route = Object.entries(methods).find(([each]) => each === method)?.[1]
    if (route !== undefined) return route
    const allow = Object.keys(methods).join(', ')
    throw new ApiError(405, `${path} takes ${allow}, not ${method}`, { headers: { allow } })
  }

  async #answer(asked: AnswerRequest, format: AnswerFormat, watch: RequestWatch, client: string): Promise<Response> {
    this.#served.check(asked.model)
    watch.model = asked.model
    const { usage, signal } = watch
    const pieces = this.#pieces(asked, watch, client)
    const answer = { format, request: asked, pieces, usage, texts: this.#texts, signal }
    return asked.isStream ? streamResponse(answer) : wholeResponse(answer)
  }

  async *#pieces(
    asked: AnswerRequest,
    watch: RequestWatch,
    client: string,
  ): AsyncGenerator<AnswerPiece, void, undefined> {
    const { usage, signal } = watch
    const leave = await this.#queue.enter(client, signal)
    try {
      yield* answers(this.#served, asked, { ends: this.#ends, usage, signal })
    } catch (thrown) {
      watch.end(apiErrorOf(thrown).status)
      throw thrown
    } finally {
      leave()
      watch.end(signal.aborted ? apiErrorOf(signal.reason).status : 200)
    }
  }

  #health(): Response {
    const { running, waiting } = this.#queue
    const status = this.#isClosed ? 'shutting down' : 'ok'
    return Response.json({ status, running, waiting }, { status: this.#isClosed ? 503 : 200 })
  }

  #metricsText(): Response {
    const text = this.#metrics.text({
      peft_medaware_requests_running: this.#queue.running,
      peft_medaware_requests_waiting: this.#queue.waiting,
      peft_medaware_prompt_cache_bytes: this.#served.prompts.byteLength,
    })
    return new Response(text, { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } })
  }

  /** A model as `/v1/models` tells of it. @throws ApiError 404. */
  #modelJson(id: string): object {
    this.#served.check(id)
    const { created, base } = this.#served
    return {
      ...{ id, object: 'model', created, owned_by: 'peft-medaware', parent: id === base ? null : base },
      max_model_len: this.#limits.maxContext,
    }
  }

  #note(method: string, path: string, { status, seconds, model, usage }: Ended): void {
    const route = Object.hasOwn(this.#routes, path) ? path : 'other'
    this.#metrics.add('peft_medaware_requests_total', { route, status }, 1)
    if (model !== null) {
      this.#metrics.add('peft_medaware_prompt_tokens_total', { model }, usage.promptTokens)
      this.#metrics.add('peft_medaware_cached_prompt_tokens_total', { model }, usage.cachedTokens)
      this.#metrics.add('peft_medaware_completion_tokens_total', { model }, usage.completionTokens)
      this.#metrics.observe('peft_medaware_request_seconds', { model }, seconds)
    }
    const told = model === null ? null : { model, ...usage }
    this.#options.onRequest?.({ method, path, status, seconds, usage: told })
  }
}

/** A model's id as an address has it, which may have slashes. @throws ApiError 404. */
function idOf(path: string): string {
  try {
    return decodeURIComponent(path.slice('/v1/models/'.length))
  } catch {
    throw new ApiError(404, `there is nothing at ${path}`, { code: 'unknown_url' })
  }
}
