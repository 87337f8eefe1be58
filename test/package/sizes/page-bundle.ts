import path from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Metafile } from 'esbuild'

/** Bytes of JavaScript: minified, and as servers send it. */
export interface Weight {
  readonly bytes: number
  readonly gzip: number
  /** At its best level, which takes seconds for a megabyte: of what a page loads at once alone. */
  readonly brotli?: number
}

/** A bundle for browsers, minified and divided as a bundler divides it. */
export interface PageBundle {
  readonly metafile: Metafile
  /** Names of all its files. */
  readonly names: readonly string[]
  /** The files that a page loads at once: its entry, what that imports, and likewise those of `others`. */
  readonly atOnce: (...others: RegExp[]) => readonly string[]
  readonly textOf: (name: string) => string
  readonly weigh: (names: readonly string[]) => Weight
  readonly weighStart: () => Weight
}

const root = path.resolve(import.meta.dirname, '../../..')

/** Bundles a module, which finds packages and files from the folder `from`. */
export async function pageBundle(contents: string, from: string, options: BuildOptions = {}): Promise<PageBundle> {
  const { metafile, outputFiles } = await build({
    ...{ stdin: { contents, resolveDir: from }, absWorkingDir: root, outdir: path.join(root, 'out'), ...options },
    ...{ bundle: true, splitting: true, write: false, minify: true, metafile: true, logLevel: 'silent' },
    ...{ format: 'esm', platform: 'browser', target: 'es2022' },
  })
  const files = new Map(outputFiles.map((file) => [path.relative(root, file.path), Buffer.from(file.contents)]))
  const names = [...files.keys()]
  const sum = (some: readonly string[], of: (file: Buffer) => number) => {
    return some.reduce((total, name) => total + of(files.get(name) ?? Buffer.alloc(0)), 0)
  }
  const weigh = (some: readonly string[]): Weight => ({
    bytes: sum(some, (file) => file.length),
    gzip: sum(some, (file) => gzipSync(file).length),
  })
  const atOnce = (...others: RegExp[]): string[] => {
    const isAsked = (name: string) => others.some((other) => other.test(path.basename(name)))
    const isEntry = (name: string) => metafile.outputs[name]?.entryPoint === '<stdin>'
    const reached = new Set(names.filter((name) => isEntry(name) || isAsked(name)))
    for (const name of reached) {
      for (const each of metafile.outputs[name]?.imports ?? []) {
        if (each.kind === 'import-statement') reached.add(each.path)
      }
    }
    return [...reached]
  }
  return {
    ...{ metafile, names, atOnce, weigh },
    textOf: (name) => files.get(name)?.toString() ?? '',
    weighStart: () => ({ ...weigh(atOnce()), brotli: sum(atOnce(), (file) => brotliCompressSync(file).length) }),
  }
}
