import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

/** A host of static files that sends no header of its own, as many do, with the page under a path of its own. */
export class PlainHost {
  readonly #server = createServer(
    (request, response) =>
      void this.#answer(request.url ?? '/').then(({ status, type, body }) =>
        response.writeHead(status, { 'content-type': type }).end(body),
      ),
  )

  private constructor(
    /** What is served now. */
    public folder: string,
    /** Where the page lies, with a slash at its end. */
    readonly path: string,
  ) {}

  static async start(folder: string, path = '/demos/fine-tune/'): Promise<PlainHost> {
    const host = new PlainHost(folder, path)
    await new Promise<void>((resolve) => host.#server.listen(0, '127.0.0.1', resolve))
    return host
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.path}`
  }

  async #answer(address: string): Promise<{ status: number; type: string; body: Uint8Array | string }> {
    const { pathname } = new URL(address, 'http://host.test')
    const name = pathname.slice(this.path.length) || 'index.html'
    const nothing = { status: 404, type: 'text/plain', body: 'not found' }
    if (!pathname.startsWith(this.path)) return nothing
    return readFile(join(this.folder, name)).then(
      (body) => ({ status: 200, type: types[extname(name)] ?? 'application/octet-stream', body }),
      () => nothing,
    )
  }

  /** Ends it, with the connections it has: who asks later finds nobody. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const isClosed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await isClosed
  }
}
