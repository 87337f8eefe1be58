import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { TestProject } from 'vitest/node'

const root = fileURLToPath(new URL('../..', import.meta.url))
const outdir = join(root, `out/test-programs-${process.pid}`)

/** What tests start in a process of its own. A program of one's own is added here by its path without `.ts`. */
const programs = [
  'src/cli/main',
  ...[
    'medquad',
    'chat',
    'pretrain',
    'audit/audit',
    'experiments/data-curve/data-curve',
    'feedback/feedback',
    'texts/texts',
  ].map((name) => `examples/medquad/${name}`),
  ...['io/train-and-save', 'io/huggingface/download-tiny', 'trainer/killed-run', 'examples/medquad/lose-device'].map(
    (name) => `test/${name}`,
  ),
]

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the programs, which lie there as in the repository, with `.mjs`. */
    readonly programs: string
  }
}

/** A module in a bundle finds what lies beside its source. */
const ownPlaces: Plugin = {
  name: 'own-places',
  setup(made) {
    made.onLoad({ filter: /\/(examples|test)\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const contents = source
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
      return { contents, loader: 'ts' }
    })
  },
}

/** Bundles the programs once for all test files: they start five to ten times as fast as their sources under tsx. */
export async function setup({ provide }: TestProject): Promise<void> {
  await build({
    entryPoints: programs.map((name) => ({ in: join(root, `${name}.ts`), out: name })),
    ...{ outdir, chunkNames: 'chunks/[name]-[hash]', outExtension: { '.js': '.mjs' }, bundle: true, splitting: true },
    ...{ platform: 'node', format: 'esm', packages: 'external', logLevel: 'error', plugins: [ownPlaces] },
    alias: { '#platform': join(root, 'src/platform/node.ts') },
  })
  provide('programs', outdir)
}

/** Takes them away. */
export async function teardown(): Promise<void> {
  await rm(outdir, { recursive: true, force: true })
}
