import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'

/** A request as it came, to the Hub or to its storage. */
export interface Heard {
  readonly place: 'hub' | 'storage'
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  readonly token: string | undefined
}

/** What a test makes of an answer: sends it itself and returns true, or leaves it. */
export type Twist = (heard: Heard, response: ServerResponse, body: Uint8Array) => boolean

export interface FakeHub {
  readonly endpoint: string
  /** Where large files are stored. */
  readonly storage: string
  readonly heard: Heard[]
  /** The commit that `main` is. */
  readonly commit: string
  /** The version of a file. */
  etagOf(fileName: string): string
  /** Changes what is answered from here on. */
  twist: Twist | null
  close(): Promise<void>
}

/** For pages: over TLS, with the headers that let another origin read, and storage that has a name. */
export interface FakeHubForPages {
  readonly key: string
  readonly cert: string
  /** The address that leads a page to the storage. */
  readonly storage: string
}

export const fakeCommit = 'c0ffee'.padEnd(40, '0')

/**
 * The Hugging Face Hub for one model, `lab/tiny` or another, on this machine, as its answers were in 2026: files of
 * `largeFrom` bytes and more redirect to storage on another origin and have their sha256 for an ETag, small ones
 * redirect within the Hub and have git's sha1.
 */
export async function startFakeHub(
  files: Readonly<Record<string, Uint8Array | string>>,
  {
    token = null as string | null,
    largeFrom = 4096,
    commit = fakeCommit,
    name = 'lab/tiny',
    pages = null as FakeHubForPages | null,
  } = {},
): Promise<FakeHub> {
  const contents = new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]))
  const heard: Heard[] = []
  const hear = (place: Heard['place'], { method = '', url = '', headers }: IncomingMessage): Heard => {
    const each = {
      place,
      method,
      path: url,
      range: headers.range,
      token: headers.authorization?.replace('Bearer ', ''),
    }
    heard.push(each)
    return each
  }

  const revisions: readonly string[] = ['main', 'v1', 'refs/pr/1', commit]
  const siblings = () =>
    [...contents].map(([rfilename, { length: size }]) => {
      const etag = hub.etagOf(rfilename)
      return etag.length === 64
        ? { rfilename, size, blobId: '0'.repeat(40), lfs: { sha256: etag, size, pointerSize: 134 } }
        : { rfilename, size, blobId: etag }
    })

  const serve = (listener: RequestListener): Server & ReturnType<typeof createServer> => {
    if (pages === null) return createServer(listener)
    return createSecureServer(pages, (request, response) => {
      response.setHeader('access-control-allow-origin', '*')
      response.setHeader('access-control-expose-headers', shownToPages)
      if (request.method === 'OPTIONS') response.writeHead(204, { 'access-control-allow-headers': '*' }).end()
      else listener(request, response)
    })
  }

  const storage = serve((request, response) => {
    const each = hear('storage', request)
    const body = contents.get(decodeURIComponent(each.path.slice(1))) ?? Buffer.alloc(0)
    // As signed addresses do: they are made for one method.
    if (each.method !== 'GET') return void response.writeHead(403).end()
    if (hub.twist?.(each, response, body) !== true) sendRanged(response, body, each.range, {})
  })
  const storageAddress = await listen(storage, pages !== null)

  const server = serve((request, response) => {
    const each = hear('hub', request)
    const refuse = (status: number, code: string) => {
      response.writeHead(status, { 'x-error-code': code, 'x-error-message': code, 'x-repo-commit': commit }).end()
    }
    const listed = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/?]+)\?blobs=true$/.exec(each.path)
    if (listed !== null) {
      const [, model, asked = ''] = listed
      if (hub.twist?.(each, response, Buffer.alloc(0)) === true) return
      if (model !== name || (token !== null && each.token !== token)) refuse(401, 'RepoNotFound')
      else if (!revisions.includes(decodeURIComponent(asked))) refuse(404, 'RevisionNotFound')
      else response.writeHead(200).end(JSON.stringify({ sha: commit, siblings: siblings() }))
      return
    }
    const [, model, revision, fileName = ''] =
      /^\/(?:api\/resolve-cache\/models\/)?([^/]+\/[^/]+)\/(?:resolve\/)?([^/]+)\/(.+)$/.exec(each.path) ?? []
    const body = contents.get(decodePath(fileName))
    if (hub.twist?.(each, response, body ?? Buffer.alloc(0)) === true) return
    if (model !== name || (token !== null && each.token !== token)) {
      refuse(401, 'RepoNotFound')
      return
    }
    if (!revisions.includes(decodeURIComponent(revision ?? ''))) {
      refuse(404, 'RevisionNotFound')
      return
    }
    if (body === undefined) {
      refuse(404, 'EntryNotFound')
      return
    }
    const etag = `"${hub.etagOf(decodePath(fileName))}"`
    if (body.length >= largeFrom) {
      const location = `${pages?.storage ?? storageAddress}/${encodeURIComponent(decodePath(fileName))}`
      const linked = { 'x-linked-etag': etag, 'x-linked-size': body.length, 'x-repo-commit': commit }
      return void response.writeHead(302, { ...linked, location }).end()
    }
    if (!each.path.startsWith('/api/')) {
      const location = `/api/resolve-cache/models/${model}/${commit}/${fileName}`
      return void response.writeHead(307, { 'x-repo-commit': commit, location }).end()
    }
    const headers = { etag, 'x-repo-commit': commit }
    if (each.method === 'HEAD') return void response.writeHead(200, { ...headers, 'content-length': body.length }).end()
    sendRanged(response, body, each.range, headers)
  })

  const hub: FakeHub = {
    endpoint: await listen(server, pages !== null),
    storage: storageAddress,
    heard,
    commit,
    etagOf(fileName) {
      const body = contents.get(fileName) ?? Buffer.alloc(0)
      if (body.length >= largeFrom) return createHash('sha256').update(body).digest('hex')
      return createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex')
    },
    twist: null,
    async close() {
      for (const each of [server, storage]) {
        each.closeAllConnections()
        await new Promise((resolve) => each.close(resolve))
      }
    },
  }
  return hub
}

/** A path as a server reads it: without what stands behind an unencoded `?`. */
function decodePath(path: string): string {
  return decodeURIComponent(path.replace(/\?.*$/, ''))
}

/** Sends a part of a body, or all of it. */
export function sendRanged(
  response: ServerResponse,
  body: Uint8Array,
  range: string | undefined,
  headers: Record<string, string | number>,
): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  if (first === undefined) return void response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
  const [begin, end] = [Number(first), last === '' ? body.length : Math.min(Number(last) + 1, body.length)]
  if (begin >= body.length) return void response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
  const part = { 'content-length': end - begin, 'content-range': `bytes ${begin}-${end - 1}/${body.length}` }
  response.writeHead(206, { ...headers, ...part }).end(body.subarray(begin, end))
}

/** What the Hub lets pages see of its answers. */
const shownToPages = 'X-Repo-Commit,X-Error-Code,X-Error-Message,ETag,Accept-Ranges,Content-Range,X-Linked-Size'

async function listen(server: Server, isSecure: boolean): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `${isSecure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}
