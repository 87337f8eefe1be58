import path from 'node:path'
import { pageBundle, type Weight } from './page-bundle.ts'

/** What a bundle for browsers of all that an entry exports weighs. */
export interface EntrySize {
  /** As it is imported. */
  readonly entry: string
  /** What a page loads at once. */
  readonly start: Weight
  /** With all that is loaded by need: kernels of every engine, parsers, templates. */
  readonly all: Weight
}

const root = path.resolve(import.meta.dirname, '../../..')

/** Size of an entry of the package that is installed in the folder `from`. */
export async function entrySize(entry: string, from: string): Promise<EntrySize> {
  const { names, weigh, weighStart } = await pageBundle(allOf(entry), from)
  return { entry, start: weighStart(), all: weigh(names) }
}

/**
 * Bytes at once of each part of an entry, bundled from the sources: of a room of `src/`, or of a package. Which part
 * has grown is read from these, as the packed files have names without meaning.
 */
export async function partsAtOnce(entry: string): Promise<Readonly<Record<string, number>>> {
  const room = path.posix.relative('peft-medaware', entry)
  const source = room === '' ? './src/index.ts' : `./src/${room}/index.ts`
  const alias = { '#platform': './src/platform/browser.ts', '#thread': './src/platform/browser-thread.ts' }
  const { atOnce, metafile } = await pageBundle(allOf(source), root, { alias })
  const parts: Record<string, number> = {}
  for (const name of atOnce()) {
    for (const [file, { bytesInOutput }] of Object.entries(metafile.outputs[name]?.inputs ?? {})) {
      const part = /^(?:src\/[^/]+|node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(file)?.[0] ?? file
      parts[part] = (parts[part] ?? 0) + bytesInOutput
    }
  }
  return parts
}

/** All of an entry is used, so that nothing of it is dropped. */
const allOf = (entry: string) => `import * as all from '${entry}'\nglobalThis.all = all`
