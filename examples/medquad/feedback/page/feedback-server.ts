import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { transform } from 'esbuild'
import { MedAwareError } from 'peft-medaware'
import { describeLog, describeVersions } from '../describe-versions.ts'
import type { Session } from '../session.ts'

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}
const mostBodyBytes = 256 * 1024

interface Answering {
  readonly tokens: number
  readonly temperature: number
}

/**
 * A page and what it calls, on the loopback address: other sites cannot reach it, since a request must name this
 * server as its host, and bring JSON from this origin.
 */
export async function feedbackServer(session: Session, answering: Answering): Promise<Server> {
  const files = await pageFiles()
  let isBusy = false
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    handle(request, response).catch((error: unknown) => {
      const isPlain = error instanceof MedAwareError
      const status = !isPlain ? 500 : error.code === 'not-found' ? 404 : 400
      const message = isPlain ? error.message : 'the server failed; its terminal says why'
      if (!isPlain) console.error(error)
      if (!response.headersSent) json(response, status, { error: message })
      else response.end(`${JSON.stringify({ error: message })}\n`)
    })
  })
  return server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const own = request.headers.host ?? ''
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(own)) {
      json(response, 403, { error: 'this server answers on the loopback address alone' })
      return
    }
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (request.method === 'GET') {
      const file = files.get(path)
      if (file !== undefined) response.setHeader('content-type', file.type).end(file.text)
      else if (path === '/api/versions') {
        json(response, 200, { versions: describeVersions(session.store), log: describeLog(session.store) })
      } else json(response, 404, { error: 'there is nothing here' })
      return
    }
    const { origin, 'content-type': type } = request.headers
    const isOwn = origin === undefined || origin === `http://${own}`
    if (request.method !== 'POST' || !isOwn || type !== 'application/json') {
      json(response, 403, { error: 'send JSON by POST, from this page' })
      return
    }
    await act(path, await bodyOf(request), request, response)
  }

  async function act(
    path: string,
    body: Readonly<Record<string, unknown>>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { store } = session
    if (path === '/api/ask') {
      await answer(textOf(body, 'question'), wholeOf(body, 'seed'), response)
      return
    }
    if (path === '/api/rate') store.rate(wholeOf(body, 'answer'), wholeOf(body, 'rating') === 1 ? 1 : -1)
    else if (path === '/api/correct') store.correct(wholeOf(body, 'answer'), textOf(body, 'text'))
    else if (path === '/api/prefer') store.prefer(wholeOf(body, 'chosen'), wholeOf(body, 'rejected'))
    else if (path === '/api/delete') store.delete(wholeOf(body, 'question'))
    else {
      json(response, 404, { error: 'there is nothing here' })
      return
    }
    json(response, 200, {})
  }

  /** One answer at a time: the model has one set of weights and the machine few cores. */
  async function answer(question: string, seed: number, response: ServerResponse): Promise<void> {
    if (isBusy) {
      json(response, 409, { error: 'another answer is under way; wait for it' })
      return
    }
    isBusy = true
    const leaving = new AbortController()
    response.on('close', () => leaving.abort())
    try {
      const pieces = session.ask(question, { ...answering, seed, signal: leaving.signal })
      for (;;) {
        const next = await pieces.next()
        if (!response.headersSent) response.setHeader('content-type', 'application/x-ndjson')
        const said = next.done === true ? { answer: next.value } : { piece: next.value }
        response.write(`${JSON.stringify(said)}\n`)
        if (next.done === true) break
      }
      response.end()
    } catch (error) {
      if (!leaving.signal.aborted) throw error
    } finally {
      isBusy = false
    }
  }
}

interface PageFile {
  readonly type: string
  readonly text: string
}

/** The page's files by their path; its script is TypeScript, whose types are taken off here. */
async function pageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8')
  const { code } = await transform(await read('client.ts'), { loader: 'ts', target: 'es2022' })
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', text: await read('index.html') }],
    ['/style.css', { type: 'text/css; charset=utf-8', text: await read('style.css') }],
    ['/client.js', { type: 'text/javascript; charset=utf-8', text: code }],
  ])
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBodyBytes)
      throw new MedAwareError('config', `feedback: a request has at most ${mostBodyBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof body === 'object' && body !== null) return body as Readonly<Record<string, unknown>>
  } catch {
    // Said below.
  }
  throw new MedAwareError('config', 'feedback: a request must be an object of JSON')
}

function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw new MedAwareError('config', `feedback: ${name} must be a text`)
  return value
}

function wholeOf(body: Readonly<Record<string, unknown>>, name: string): number {
  const value = body[name]
  if (!Number.isSafeInteger(value)) throw new MedAwareError('config', `feedback: ${name} must be a whole number`)
  return Number(value)
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
