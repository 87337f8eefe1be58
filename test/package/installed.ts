import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { build as bundle } from 'esbuild'
import { extract } from 'tar'
import { build } from 'tsup'
import { pack, run } from './pack.ts'

const root = path.resolve(import.meta.dirname, '../..')

/**
 * The package in the `node_modules` of a folder outside the repository: built (without declarations), packed and
 * unpacked.
 */
export class InstalledPackage {
  private constructor(readonly folder: string) {}

  static async install(): Promise<InstalledPackage> {
    const folder = mkdtempSync(path.join(tmpdir(), 'peft-medaware-installed-'))
    const source = path.join(folder, 'source')
    for (const name of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
      cpSync(path.join(root, name), path.join(source, name))
    }
    await build({
      config: path.join(root, 'tsup.config.ts'),
      outDir: path.join(source, 'dist'),
      dts: false,
      silent: true,
    })
    const modules = path.join(folder, 'node_modules')
    const own = path.join(modules, 'peft-medaware')
    mkdirSync(own, { recursive: true })
    await extract({ file: path.join(folder, pack(source, folder).filename), cwd: own, strip: 1 })
    rmSync(source, { recursive: true })
    for (const name of ['@huggingface', 'undici']) {
      symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
    }
    return new InstalledPackage(folder)
  }

  /**
   * Runs a program of the repository, such as an example, as if it lay beside the package.
   * @param entry From the repository's root. It imports its own files and packages by name.
   * @returns What it prints.
   */
  async run(entry: string, ...args: readonly string[]): Promise<string> {
    const outfile = path.join(this.folder, `${path.basename(entry, '.ts')}.mjs`)
    await bundle({
      ...{ entryPoints: [path.join(root, entry)], outfile, bundle: true, packages: 'external' },
      ...{ format: 'esm', platform: 'node', target: 'node20' },
      // Without the paths of the repository's tsconfig.json, by which the bundle would hold the sources.
      tsconfigRaw: {},
    })
    return run(process.execPath, [outfile, ...args], root)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
