import { joined } from '../../core/bytes.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../core/json.ts'
import { ApiError, refusal } from '../api-error.ts'

/**
 * A request's JSON, of which no more is taken in than may be.
 * @throws ApiError 415 for another type, 413 for too much of it, 400 for what is no JSON object; what `signal` has.
 */
export async function readBody(request: Request, maxBytes: number, signal: AbortSignal): Promise<JsonObject> {
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/json') {
    throw new ApiError(415, 'the body must be JSON, with the header Content-Type: application/json')
  }
  const bytes = await readBytes(request, maxBytes, signal)
  const value = parsed(bytes)
  if (!isJsonObject(value)) throw new ApiError(400, 'the body must be a JSON object')
  return value
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseJson('the body', bytes)
  } catch (thrown) {
    throw refusal('', thrown)
  }
}

async function readBytes({ headers, body }: Request, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const tooLarge = () => new ApiError(413, `the body has more than ${maxBytes} bytes, the most that this server takes`)
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw tooLarge()
  if (body === null) return new Uint8Array()
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
  const abort = () => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener('abort', abort, { once: true })
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) break
      length += value.byteLength
      if (length > maxBytes) throw tooLarge()
      chunks.push(value)
    }
  } finally {
    signal.removeEventListener('abort', abort)
    reader.releaseLock()
  }
  return joined(chunks)
}
