import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A registry of npm's with one package, and what it was asked. */
export interface NpmRegistry {
  readonly address: string
  /** Paths, with who asked. */
  readonly asked: readonly { readonly path: string; readonly token: string | undefined }[]
  close(): void
}

/** Serves a tarball of npm's as the only version of a package. */
export async function startNpmRegistry(name: string, version: string, tarball: string): Promise<NpmRegistry> {
  const bytes = await readFile(tarball)
  const asked: { path: string; token: string | undefined }[] = []
  const server = createServer(({ url = '', headers: { authorization } }, answer) => {
    asked.push({ path: url, token: authorization })
    const isTarball = url === `/${name}/-/${name}-${version}.tgz`
    if (url !== `/${name}` && !isTarball) answer.writeHead(404).end('{}')
    else if (isTarball) answer.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bytes)
    else {
      const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
      const dist = { tarball: `${registry.address}${name}/-/${name}-${version}.tgz`, integrity }
      const packument = { name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, dist } } }
      answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(packument))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const registry: NpmRegistry = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return registry
}
