import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sendRanged } from '../io/huggingface/fake-hub.ts'

/** A request as it came. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly token: string | undefined
  readonly body: Buffer
}

/** A repository: its files at each branch. */
export interface Repository {
  isPrivate: boolean
  readonly branches: Map<string, { commit: string; title: string; files: Map<string, Buffer> }>
}

/** What a test makes of a request: answers it itself and returns true, or leaves it. */
type Twist = (asked: Asked, response: ServerResponse) => boolean

/** A Hub that can be pushed to, and loaded from. */
export interface PushableHub {
  readonly endpoint: string
  readonly asked: Asked[]
  readonly repositories: Map<string, Repository>
  /** Large files by their sha256. */
  readonly stored: Map<string, Buffer>
  twist: Twist | null
  close(): Promise<void>
}

/** How it is set up. */
export interface PushableOptions {
  /** Bytes from which a file is large. */
  readonly largeFrom?: number
  /** Bytes of a part of an upload; 0 for uploads in one. */
  readonly partBytes?: number
}

export const pushToken = 'hf_writes'
const jsonType = { 'content-type': 'application/json' }

/**
 * The Hugging Face Hub as it answers who pushes a model (huggingface_hub's _commit_api.py and lfs.py, @huggingface/hub's
 * commit.ts), and who loads one: repositories, preupload, LFS's batch with transfers in one and in parts, commits of
 * NDJSON, branches, pull requests; lists, and files with their versions.
 */
export async function startPushableHub({
  largeFrom = 1000,
  partBytes = 0,
}: PushableOptions = {}): Promise<PushableHub> {
  const parts = new Map<string, Map<number, Buffer>>()
  const server = createServer((request, response) => {
    void hear(request).then((asked) => {
      hub.asked.push(asked)
      if (hub.twist?.(asked, response) !== true) answer(asked, response)
    })
  })

  const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
    return response.writeHead(status, { ...jsonType, ...headers }).end(JSON.stringify(body))
  }
  const refuse = (response: ServerResponse, status: number, code: string) => {
    return send(response, status, { error: code }, { 'x-error-code': code, 'x-error-message': code })
  }
  const commitFor = (text: string) => createHash('sha1').update(text).digest('hex')

  function answer(asked: Asked, response: ServerResponse): ServerResponse {
    const { pathname, searchParams } = new URL(asked.path, hub.endpoint)
    if (pathname.startsWith('/storage/')) return store(asked, pathname, searchParams, response)
    if (asked.token !== pushToken) return refuse(response, 401, 'Invalid credentials in Authorization header')
    if (pathname === '/api/repos/create') return create(asked, response)
    // huggingface_hub asks of a card's metadata first; the Hub's own rules are not here.
    if (pathname === '/api/validate-yaml') return send(response, 200, { errors: [], warnings: [] })
    const batch = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(pathname)
    const [, name = '', verb = '', rest = ''] = batch
      ? [pathname, batch[1], 'batch']
      : (/^\/api\/models\/([^/]+\/[^/]+)(?:\/([^/]+)(?:\/(.+))?)?$/.exec(pathname) ??
        /^\/([^/]+\/[^/]+)\/(resolve)\/(.+)$/.exec(pathname) ??
        [])
    const repository = hub.repositories.get(name)
    if (repository === undefined) return refuse(response, 404, 'RepoNotFound')
    if (verb === '') return send(response, 200, { id: name, private: repository.isPrivate })
    if (verb === 'batch') return lfs(asked, response)
    const [revision = 'main', ...path] = rest.split('/').map(decodeURIComponent)
    if (verb === 'branch') {
      if (repository.branches.has(revision)) return refuse(response, 409, 'BranchExists')
      const main = repository.branches.get('main')
      if (main) repository.branches.set(revision, { ...main, files: new Map(main.files) })
      return send(response, 200, {})
    }
    const branch =
      repository.branches.get(revision) ?? [...repository.branches.values()].find(({ commit }) => commit === revision)
    if (branch === undefined) return refuse(response, 404, 'RevisionNotFound')
    if (verb === 'preupload') {
      const { files } = JSON.parse(asked.body.toString()) as { files: { path: string; size: number; sample: string }[] }
      const modeOf = (size: number) => (size >= largeFrom ? 'lfs' : 'regular')
      return send(response, 200, {
        files: files.map(({ path, size }) => ({ path, uploadMode: modeOf(size), shouldIgnore: false })),
      })
    }
    if (verb === 'commit')
      return commit(name, repository, revision, searchParams.get('create_pr') === '1', asked, response)
    if (verb === 'revision') {
      const siblings = [...branch.files].map(([rfilename, body]) => ({
        rfilename,
        size: body.length,
        ...versionOf(body),
      }))
      return send(response, 200, {
        id: name,
        sha: branch.commit,
        private: repository.isPrivate,
        siblings,
        tags: [],
      })
    }
    if (verb === 'tree') {
      const entries = [...branch.files].map(([path, body]) => {
        const { blobId: oid, lfs: large } = versionOf(body)
        return { type: 'file', path, size: body.length, oid, ...(large && { lfs: { ...large, oid: large.sha256 } }) }
      })
      return send(response, 200, entries)
    }
    const body = branch.files.get(path.join('/'))
    if (body === undefined) return refuse(response, 404, 'EntryNotFound')
    const { lfs: large, blobId } = versionOf(body)
    const headers = { etag: `"${large?.sha256 ?? blobId}"`, 'x-repo-commit': branch.commit }
    if (asked.method === 'HEAD') return response.writeHead(200, { ...headers, 'content-length': body.length }).end()
    sendRanged(response, body, undefined, headers)
    return response
  }

  function versionOf(body: Buffer) {
    const blobId = createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex')
    const sha256 = createHash('sha256').update(body).digest('hex')
    return { blobId, ...(body.length >= largeFrom && { lfs: { sha256, size: body.length, pointerSize: 134 } }) }
  }

  function create({ body }: Asked, response: ServerResponse): ServerResponse {
    // huggingface_hub leaves the type of a model out.
    const { name, organization, visibility, type = 'model' } = JSON.parse(body.toString()) as Record<string, string>
    const full = `${organization}/${name}`
    if (type !== 'model' || organization !== 'lab') return refuse(response, 403, 'Forbidden')
    if (hub.repositories.has(full)) return refuse(response, 409, 'You already created this model repo')
    const main = {
      commit: commitFor(full),
      title: 'initial commit',
      files: new Map([['.gitattributes', Buffer.from('')]]),
    }
    hub.repositories.set(full, { isPrivate: visibility !== 'public', branches: new Map([['main', main]]) })
    return send(response, 200, { url: `${hub.endpoint}/${full}`, id: full })
  }

  function lfs({ body }: Asked, response: ServerResponse): ServerResponse {
    const { objects, transfers, operation, hash_algo } = JSON.parse(body.toString()) as {
      objects: { oid: string; size: number }[]
      transfers: string[]
      operation: string
      hash_algo: string
    }
    if (operation !== 'upload' || !/^sha_?256$/.test(hash_algo)) return refuse(response, 422, 'Unprocessable')
    const isInParts = partBytes > 0 && transfers.includes('multipart')
    const uploadOf = ({ oid, size }: { oid: string; size: number }) => {
      if (hub.stored.has(oid)) return {}
      const href = `${hub.endpoint}/storage/${oid}`
      if (!isInParts) return { actions: { upload: { href } } }
      const count = Math.ceil(size / partBytes)
      const header = Object.fromEntries(
        Array.from({ length: count }, (_, i) => [String(i + 1).padStart(5, '0'), `${href}?part=${i + 1}`]),
      )
      return { actions: { upload: { href: `${href}?complete`, header: { ...header, chunk_size: String(partBytes) } } } }
    }
    return send(response, 200, {
      transfer: isInParts ? 'multipart' : 'basic',
      objects: objects.map((each) => ({ ...each, ...uploadOf(each) })),
    })
  }

  /** Where large files lie; signed addresses need no token, and get none. */
  function store(asked: Asked, pathname: string, query: URLSearchParams, response: ServerResponse): ServerResponse {
    const oid = pathname.slice('/storage/'.length)
    if (asked.token !== undefined) return refuse(response, 400, 'a token was sent to storage')
    const part = query.get('part')
    if (part !== null) {
      const own = parts.get(oid) ?? new Map<number, Buffer>()
      parts.set(oid, own.set(Number(part), asked.body))
      return response.writeHead(200, { etag: `"part-${part}"` }).end()
    }
    let body = asked.body
    if (query.has('complete')) {
      const { parts: named } = JSON.parse(body.toString()) as { parts: { partNumber: number; etag: string }[] }
      const isWhole = named.every(({ partNumber, etag }) => etag === `"part-${partNumber}"`)
      if (!isWhole) return refuse(response, 400, 'InvalidPart')
      body = Buffer.concat(named.map(({ partNumber }) => parts.get(oid)?.get(partNumber) ?? Buffer.alloc(0)))
    }
    // As storage does: what is not what it says it is, is refused.
    if (createHash('sha256').update(body).digest('hex') !== oid) return refuse(response, 400, 'BadDigest')
    hub.stored.set(oid, body)
    return send(response, 200, {})
  }

  function commit(
    name: string,
    repository: Repository,
    revision: string,
    isPr: boolean,
    { body }: Asked,
    response: ServerResponse,
  ): ServerResponse {
    const lines = body
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { key: string; value: Record<string, string> })
    const onto = repository.branches.get(revision)
    const files = new Map(onto?.files)
    for (const { key, value } of lines) {
      if (key === 'file') files.set(value['path'] ?? '', Buffer.from(value['content'] ?? '', 'base64'))
      if (key !== 'lfsFile') continue
      const large = hub.stored.get(value['oid'] ?? '')
      if (large === undefined) return refuse(response, 400, 'LfsObjectMissing')
      files.set(value['path'] ?? '', large)
    }
    const title = lines.find(({ key }) => key === 'header')?.value['summary'] ?? ''
    const oid = commitFor(`${title}${Date.now()}${repository.branches.size}`)
    const target = isPr ? `refs/pr/${repository.branches.size}` : revision
    repository.branches.set(target, { commit: oid, title, files })
    return send(response, 200, {
      ...{ success: true, commitOid: oid, commitUrl: `${hub.endpoint}/${name}/commit/${oid}`, hookOutput: '' },
      ...(isPr && { pullRequestUrl: `${hub.endpoint}/${name}/discussions/1` }),
    })
  }

  const hub: PushableHub = {
    endpoint: '',
    ...{ asked: [], repositories: new Map(), stored: new Map(), twist: null },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(hub, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

async function hear(request: IncomingMessage): Promise<Asked> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const { method = '', url = '', headers } = request
  return { method, path: url, token: headers.authorization?.replace('Bearer ', ''), body: Buffer.concat(pieces) }
}
