import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { defineConfig } from 'tsup'

/** Types of the web platform that the package's declarations name. */
const webTypes = ['AbortSignal', 'Blob', 'File', 'FileSystemDirectoryHandle', 'Request', 'Response', 'URL']

/** The everyday entry, and the rooms that can be imported beside it. */
const rooms = [
  ...['autograd', 'compare', 'hub', 'models', 'nn', 'ops', 'optim', 'peft', 'quant', 'safetensors', 'serve', 'worker'],
]
const entries = {
  index: 'src/index.ts',
  ...Object.fromEntries(rooms.map((room) => [room, `src/${room}/index.ts`])),
}

/**
 * What the everyday entry exports of the upper rooms, each a file of its own: who bundles a page that loads and
 * generates can then drop the files that train. Within one file its top-level code would keep them. Not those that give
 * types alone: one that is loaded by need would be loaded by the name that is removed below.
 */
const upper = /export \{[^}]*\} from '\.\/((?:data|evaluate|generate|io|peft|train|trainer)\/.+)\.ts'/g
const parts = [...readFileSync('src/index.ts', 'utf8').matchAll(upper)].map(([, part = '']) => part)

export default defineConfig(({ outDir = 'dist' }) => ({
  entry: {
    ...entries,
    ...Object.fromEntries(parts.map((part) => [`parts/${part}`, `src/${part}.ts`])),
    cli: 'src/cli/main.ts',
    'platform/node': 'src/platform/node.ts',
    'platform/browser': 'src/platform/browser.ts',
    'platform/node-thread': 'src/platform/node-thread.ts',
    'platform/browser-thread': 'src/platform/browser-thread.ts',
    // Where these two look for it.
    'worker/thread': 'src/worker/thread.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  sourcemap: true,
  clean: true,
  dts: {
    // Only what can be imported; the platforms' types are in these already.
    entry: entries,
    // A project without the DOM's types and Node's has none of these. Where there are any, an empty one adds nothing to
    // them.
    banner: `declare global {\n${webTypes.map((name) => `  interface ${name} {}\n`).join('')}}`,
  },
  // `#platform` and `#thread` are resolved where the package runs, by the import map of package.json.
  external: ['#platform', '#thread', '@huggingface/hub', 'webgpu', /^node:/],
  // Names alone, which nobody imports: the code is in files that the entries share.
  onSuccess: () => rm(path.join(outDir, 'parts'), { recursive: true }),
}))
