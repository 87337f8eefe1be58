import { parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const done = new Map<string, string>()

/**
 * Compiles a program as the package's build does, and says where it is: tsx, which runs this benchmark, would give each
 * function that is made its name by a call, a quarter of what a decoded token takes on the host.
 * @param file From this folder. The program keeps its depth: what it reads beside itself it finds.
 */
export function built(file: string): string {
  const made = done.get(file)
  if (made !== undefined) return made
  const { dir, name: own } = parse(file)
  const name = `${dir}-${own}`
  buildSync({
    entryPoints: [{ in: here + file, out: name }],
    ...{ outdir: `${here}out`, outExtension: { '.js': '.mjs' }, bundle: true, splitting: true, logLevel: 'error' },
    ...{ platform: 'node', format: 'esm', target: 'es2022', packages: 'external' },
    alias: { '#platform': `${here}../src/platform/node.ts` },
  })
  const path = `${here}out/${name}.mjs`
  done.set(file, path)
  return path
}

/** Options of this Node, without those that load tsx, which such a program does without. */
export function optionsOfNode(given: readonly string[] = process.execArgv): string[] {
  const loadsTsx = (i: number) => /^--(import|require|loader)$/.test(given[i] ?? '') && /tsx/.test(given[i + 1] ?? '')
  return given.filter((_, i) => !loadsTsx(i) && !loadsTsx(i - 1))
}
