import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { build } from 'vitepress'
import { root } from '../programs/run-program.ts'

const docs = join(root, 'docs')
const sidebar = join(docs, 'reference/api/typedoc-sidebar.json')

/**
 * Builds the pages of the site whose paths match, such as `explained/nf4.md`, into `outDir`, without TypeDoc's: they
 * take minutes and are no matter here. Links to pages that are left out are not followed.
 */
export async function buildPages(isWanted: (page: string) => boolean, outDir: string): Promise<void> {
  if (!existsSync(sidebar)) {
    // The site's config reads it; TypeDoc writes the whole folder anew.
    await mkdir(join(sidebar, '..'), { recursive: true })
    await writeFile(sidebar, '[]\n')
  }
  await build(docs, {
    outDir,
    onAfterConfigResolve: (config) => {
      config.pages = config.pages.filter(isWanted)
      config.ignoreDeadLinks = true
      config.cacheDir = join(outDir, '../.vitepress-cache')
    },
  })
}

/** Served files, at an address of this machine. */
export interface Served {
  readonly url: string
  close(): Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
}

/** Serves a folder with `headers`, as a static host does. */
export async function serveFolder(folder: string, headers: Readonly<Record<string, string>>): Promise<Served> {
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const path = join(folder, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    readFile(path).then(
      (body) =>
        response
          .writeHead(200, { ...headers, 'content-type': types[extname(path)] ?? 'application/octet-stream' })
          .end(body),
      () => response.writeHead(404, headers).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
