import { type Folder, openTensors } from '../../src/io/sources/folder.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import type { ByteSource } from '../../src/safetensors/source.ts'

/** Golden files, wherever they come from: a disk in Node, a server in a page. */
export class GoldenFolder {
  readonly #paths: ReadonlySet<string>
  readonly #open: (path: string) => Promise<ByteSource>
  readonly #readers: TensorReader[] = []

  /** @param paths Of all files, below the root. */
  constructor(paths: Iterable<string>, open: (path: string) => Promise<ByteSource>) {
    this.#paths = new Set(paths)
    this.#open = open
  }

  /** Names of what is directly in a folder, '' for the root. */
  names(folder = ''): readonly string[] {
    const head = folder === '' ? '' : `${folder}/`
    const below = [...this.#paths].filter((path) => path.startsWith(head)).map((path) => path.slice(head.length))
    return [...new Set(below.map((path) => path.split('/')[0] ?? ''))].sort()
  }

  has(path: string): boolean {
    return this.#paths.has(path)
  }

  /** A folder below the root, as the library takes one. */
  at(folder: string): Folder {
    return {
      name: folder,
      has: (fileName) => Promise.resolve(this.has(`${folder}/${fileName}`)),
      open: (fileName) => this.#open(`${folder}/${fileName}`),
    }
  }

  /** Opens tensors, until `close`. */
  async tensors(folder: string, fileName: string): Promise<TensorReader> {
    const reader = await openTensors(this.at(folder), fileName)
    this.#readers.push(reader)
    return reader
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.splice(0)) await reader.close()
  }
}
