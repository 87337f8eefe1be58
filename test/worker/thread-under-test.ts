import { rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { threadOf } from '../../src/platform/node-module-thread.ts'
import type { ThreadPlatform } from '../../src/platform/thread.ts'

const root = join(import.meta.dirname, '../..')

/** Each process builds the worker of the sources as they are, where the packages that it needs can be found. */
const outdir = join(root, `out/test-worker-${process.pid}`)
await build({
  entryPoints: [join(root, 'src/worker/thread.ts')],
  ...{ bundle: true, splitting: true, packages: 'external', logLevel: 'silent', outdir },
  ...{ format: 'esm', platform: 'node', target: 'es2022' },
  outExtension: { '.js': '.mjs' },
  alias: { '#platform': join(root, 'src/platform/node.ts'), '#thread': join(root, 'src/platform/node-thread.ts') },
})
process.once('exit', () => rmSync(outdir, { recursive: true, force: true }))

/** The package's worker in Node, from the sources. */
export const startThread: ThreadPlatform['startThread'] = (onEnd) => {
  return threadOf(pathToFileURL(join(outdir, 'thread.mjs')), onEnd)
}

export { ownPort } from '../../src/platform/node-thread.ts'
