import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Plugin } from 'vite'
import { headers } from './policy.ts'

const source = fileURLToPath(new URL('service-worker/service-worker.ts', import.meta.url))

/** Writes the service worker beside the built page, with the list of all files there. In development there is none. */
export const serviceWorker: Plugin = {
  name: 'service-worker',
  apply: 'build',
  transformIndexHtml: {
    order: 'pre',
    handler: () => [{ tag: 'script', attrs: { type: 'module', src: './shell/offline.ts' }, injectTo: 'head' }],
  },
  async writeBundle({ dir }) {
    if (dir === undefined) throw new Error('service-worker: the build writes into no folder')
    const files = await checksums(dir)
    const constants = { pageFiles: files, pageHeaders: headers, pageVersion: sha256(JSON.stringify([files, headers])) }
    await build({
      ...{ entryPoints: [source], bundle: true, minify: true, target: 'es2022' },
      define: Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, JSON.stringify(value)])),
      outfile: join(dir, 'service-worker.js'),
    })
  },
}

/** Addresses of the files of a folder, each with its checksum as `integrity` has it. */
async function checksums(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  const rows = paths.sort().map(async (path) => {
    const address = relative(folder, path).replaceAll(sep, '/')
    return [address === 'index.html' ? './' : address, `sha256-${sha256(await readFile(path))}`] as const
  })
  return Object.fromEntries(await Promise.all(rows))
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64')
}
