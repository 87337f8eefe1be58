import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** A runtime, and how it is called. */
export interface Runtime {
  readonly name: string
  /** What npm brings it with; null for the one that runs this. */
  readonly npm: string | null
  /** Its program in that package. */
  readonly program: string
  readonly kind: 'node' | 'deno' | 'bun'
}

const node = (major: number): Runtime => {
  return { name: `Node ${major}`, npm: `node@${major}`, program: 'node/bin/node', kind: 'node' }
}

/** The first is what the others are compared with. */
export const runtimes: readonly Runtime[] = [
  { name: 'Node 20', npm: null, program: '', kind: 'node' },
  ...[node(22), node(24), node(26)],
  { name: 'Deno', npm: 'deno@latest', program: '.bin/deno', kind: 'deno' },
  { name: 'Bun', npm: 'bun@latest', program: '.bin/bun', kind: 'bun' },
]

/** The path of a runtime's program, which npm brings once and a cache keeps. @throws Error with what npm said. */
export async function programOf({ npm, name, program }: Runtime): Promise<string> {
  if (npm === null) return process.execPath
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache')
  const folder = path.join(cache, 'peft-medaware-runtimes', name.toLowerCase().replace(' ', '-'))
  const at = path.join(folder, 'node_modules', program)
  if (existsSync(at)) return at
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n')
  await execute('npm', ['install', '--no-audit', '--no-fund', npm], { cwd: folder })
  if (!existsSync(at)) throw new Error(`${npm} brings no ${program}`)
  return at
}

/** How it runs a script. */
export function words({ kind }: Runtime, script: string): string[] {
  return kind === 'deno' ? ['run', '--allow-all', script] : [script]
}

/** How it installs packages of a registry in the folder it is called in: its own installer, or npm run by it. */
export function installer({ kind }: Runtime, program: string, registry: string, cache: string, packages: string[]) {
  const env = {
    ...{ npm_config_registry: registry, NPM_CONFIG_REGISTRY: registry, BUN_CONFIG_REGISTRY: registry },
    ...{ npm_config_cache: path.join(cache, 'npm'), DENO_DIR: path.join(cache, 'deno') },
    BUN_INSTALL_CACHE_DIR: path.join(cache, 'bun'),
    PATH: `${path.dirname(program)}${path.delimiter}${process.env['PATH'] ?? ''}`,
  }
  if (kind === 'bun') return { command: program, args: ['add', ...packages], env }
  if (kind === 'deno') return { command: program, args: ['add', ...packages.map((name) => `npm:${name}`)], env }
  return { command: 'npm', args: ['install', '--no-audit', '--no-fund', ...packages], env }
}
