import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** What `npm pack` says that it made. */
export interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

/** Packs the folder `from` without its scripts, into `to`. @throws Error with what npm printed. */
export function pack(from: string, to: string): Packed {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', to], from),
  ) as Packed[]
  if (!packed) throw new Error(`${from}: npm pack made nothing`)
  return packed
}

/** Packs what the package at `root` depends on, from its node_modules, into `to`. */
export function packDependencies(root: string, to: string): Packed[] {
  const { dependencies = {} } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  return Object.keys(dependencies).map((name) => pack(path.join(root, 'node_modules', name), to))
}

/** Installs tarballs, which name one another as dependencies, into a folder that it makes. */
export function installTarballs(folder: string, tarballs: readonly string[]): void {
  mkdirSync(folder)
  const description = { name: path.basename(folder), private: true, type: 'module' }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(description))
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], folder)
}

/** Runs a command to its end. @returns What it printed. @throws Error with all that it printed, where it fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error })
  }
}
