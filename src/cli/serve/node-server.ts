import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { once } from 'node:events'
import { MedAwareError, messageOf } from '../../core/errors.ts'
import { isLoopback } from './addresses.ts'
import type { RequestInfo } from '../../serve/endpoint.ts'

/** Answers requests as `fetch` is asked. */
export type FetchHandler = (request: Request, info: RequestInfo) => Promise<Response>

/** A server that listens. */
export interface Listening {
  /** Such as http://127.0.0.1:8000. */
  readonly url: string
  /** Takes no more connections; those that are open end when their answers have. */
  close(): Promise<void>
}

/**
 * Binds a handler of requests to an address, on `node:http`.
 * @throws MedAwareError `config` where the address cannot be had.
 */
export async function listen(handler: FetchHandler, host: string, port: number): Promise<Listening> {
  const server = createServer({ requestTimeout: 60_000, headersTimeout: 30_000 }, (incoming, outgoing) => {
    // What cannot be told to the client, which has gone, is nobody's business.
    answer(handler, incoming, outgoing, host).catch(() => outgoing.destroy())
  })
  server.listen({ port, host })
  try {
    await once(server, 'listening')
  } catch (cause) {
    const reason = messageOf(cause)
    throw new MedAwareError('config', `serve: cannot listen on ${host}:${port}: ${reason}`, { cause })
  }
  return { url: urlOf(server, host), close: () => closed(server) }
}

function urlOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function closed(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  // A client may keep its connection for a while when its answer has ended.
  const idle = setInterval(() => server.closeIdleConnections(), 100)
  await ended
  clearInterval(idle)
}

async function answer(
  handler: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  bound: string,
): Promise<void> {
  const gone = new AbortController()
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) gone.abort()
  })
  const request = requestOf(incoming, bound, gone.signal)
  const response =
    request instanceof Response ? request : await handler(request, { client: incoming.socket.remoteAddress ?? '' })
  // What is left of a body that was not read would be taken for another request.
  const isUnread = hasBody(incoming) && !incoming.readableEnded
  const close = isUnread ? { connection: 'close' } : {}
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), ...close })
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader()
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done || value === undefined) break
      if (!outgoing.write(value)) await once(outgoing, 'drain', { signal: gone.signal })
    }
    outgoing.end()
  } finally {
    await reader?.cancel().catch(() => {})
  }
  if (!isUnread) return
  // Who still sends would not hear the answer if the line were cut at once.
  incoming.resume()
  setTimeout(() => incoming.destroy(), lingering).unref()
}

/** Milliseconds in which what is sent in vain is taken in and thrown away. */
const lingering = 1000

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** A request as pages and workers have it, or why there is none. */
function requestOf(incoming: IncomingMessage, bound: string, signal: AbortSignal): Request | Response {
  const { method = 'GET', url = '/', headers } = incoming
  const host = headers.host ?? ''
  // A page of a stranger's that has its own name point here is not let in.
  if (isLoopback(bound) && !isLoopback(hostnameOf(host))) {
    return refused(403, `this server answers as localhost, not as ${JSON.stringify(host)}`)
  }
  try {
    const mayHaveBody = method !== 'GET' && method !== 'HEAD'
    return new Request(new URL(url, 'http://localhost'), {
      ...{ method, signal, headers: headersOf(incoming) },
      ...(mayHaveBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' }),
    })
  } catch (error) {
    return refused(400, messageOf(error))
  }
}

function headersOf({ headers }: IncomingMessage): Headers {
  const read = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    for (const each of [value ?? []].flat()) read.append(name, each)
  }
  return read
}

function hostnameOf(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host
}

function refused(status: number, message: string): Response {
  return Response.json({ error: { message, type: 'invalid_request_error', param: null, code: null } }, { status })
}
