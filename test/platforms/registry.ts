import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A registry that has one package more than another. */
export interface Registry {
  readonly address: string
  close(): void
}

/**
 * Serves a packed package as a registry does, so that each installer takes it by its name as users do, and sends who
 * asks for other packages on to the registry `next`.
 */
export async function serveRegistry(tarball: string, manifest: PackageJson, next: string): Promise<Registry> {
  const bytes = await readFile(tarball)
  const { name, version } = manifest
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1)
    if (path === name) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: described() } }))
    } else if (path === `${name}/-/package.tgz`) {
      response.end(bytes)
    } else {
      response.writeHead(302, { location: new URL(request.url ?? '/', next).href }).end()
    }
  })
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
  const shasum = createHash('sha1').update(bytes).digest('hex')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const described = () => ({ ...manifest, dist: { tarball: `${address}${name}/-/package.tgz`, integrity, shasum } })
  return { address, close: () => void server.close() }
}

/** What a registry tells of a version is its package.json. */
export interface PackageJson {
  readonly name: string
  readonly version: string
  readonly [field: string]: unknown
}
