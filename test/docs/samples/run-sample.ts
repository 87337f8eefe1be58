import { spawn } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from '../../programs/run-program.ts'
import type { RunnableSample } from '../fences.ts'

/**
 * Runs a sample as its reader does, in a folder of its own with the files that the page gives, over this source tree.
 * @param words On its command line.
 * @returns What it printed, errors included.
 */
export async function runSample({ code, files }: RunnableSample, words: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'peft-medaware-sample-'))
  try {
    for (const [name, body] of files) await writeFile(join(folder, name), body)
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    const outfile = join(folder, 'sample.mjs')
    await build({
      stdin: { contents: code, loader: 'ts', resolveDir: root, sourcefile: 'sample.ts' },
      ...{ outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' },
      tsconfigRaw: {},
      plugins: [
        {
          name: 'this-source-tree',
          setup(made) {
            made.onResolve({ filter: /^(peft-medaware|#platform|#thread)(\/|$)/ }, ({ path }) => ({
              path: join(root, 'src', sourceOf(path)),
            }))
          },
        },
      ],
    })
    return await printed(outfile, words, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function sourceOf(name: string): string {
  if (name.startsWith('#')) return `platform/node${name === '#thread' ? '-thread' : ''}.ts`
  return name === 'peft-medaware' ? 'index.ts' : `${name.slice('peft-medaware/'.length)}/index.ts`
}

function printed(file: string, words: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...words], { cwd })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (text += piece.toString()))
    child.on('close', () => resolve(text.trimEnd()))
  })
}
