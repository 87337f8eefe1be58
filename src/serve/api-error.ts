import { MedAwareError, messageOf } from '../core/errors.ts'

/** What a request is answered with when it cannot be done, as OpenAI's clients read it. */
export class ApiError extends Error {
  readonly type: string
  readonly code: string | null
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>

  /** @param status Of HTTP. @param given `param` is the field at fault, `code` a word that a program can branch on. */
  constructor(
    readonly status: number,
    message: string,
    given: {
      readonly code?: string
      readonly param?: string
      readonly headers?: Readonly<Record<string, string>>
    } = {},
  ) {
    super(message)
    this.type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error'
    this.code = given.code ?? null
    this.param = given.param ?? null
    this.headers = given.headers ?? {}
  }

  /** As the body of a response, or an event of a stream. */
  get json(): object {
    const { message, type, param, code } = this
    return { error: { message, type, param, code } }
  }
}

/** Sees that a request can be done. @throws ApiError 400. */
export function checkRequest(
  condition: boolean,
  param: string,
  message: () => string,
  code = 'invalid_value',
): asserts condition {
  if (!condition) throw new ApiError(400, message(), { param, code })
}

/** OpenAI's clients try again by themselves unless they are told. */
const noRetry = { 'x-should-retry': 'false' }

/** What was thrown while a request was answered, as its answer. */
export function apiErrorOf(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  if (thrown instanceof DOMException && thrown.name === 'AbortError') return new ApiError(499, 'the client has gone')
  if (!(thrown instanceof MedAwareError)) return new ApiError(500, messageOf(thrown), { headers: noRetry })
  const { code, message } = thrown
  return new ApiError(code === 'memory' ? 503 : 500, message, { code, headers: noRetry })
}

/** What was thrown while a request was read: the library's own complaints are about what was asked. */
export function refusal(param: string, thrown: unknown): unknown {
  if (!(thrown instanceof MedAwareError) || thrown.code === 'memory') return thrown
  return new ApiError(400, thrown.message, { param, code: 'invalid_value' })
}

/** The time that a request may take is over. */
export function timeoutError(seconds: number): ApiError {
  return new ApiError(504, `the answer took longer than ${seconds} seconds, the most that this server gives`, {
    code: 'timeout',
    headers: noRetry,
  })
}

/** An error as a response. */
export function errorResponse(error: ApiError): Response {
  return Response.json(error.json, { status: error.status, headers: error.headers })
}
