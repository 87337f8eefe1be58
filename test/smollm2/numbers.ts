import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diskFolder } from '../../src/index.ts'
import { openTensors } from '../../src/io/sources/folder.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'

/** The folder of numbers that the Python stack has of the model: its README says what is in them. */
export class Numbers {
  readonly #readers: TensorReader[] = []

  constructor(readonly path: string) {}

  text(fileName: string): string {
    return readFileSync(join(this.path, fileName), 'utf8')
  }

  json(fileName: string): unknown {
    return JSON.parse(this.text(fileName))
  }

  /** Opens tensors, until `close`. */
  async tensors(fileName: string, folder = ''): Promise<TensorReader> {
    const reader = await openTensors(diskFolder(join(this.path, folder)), fileName)
    this.#readers.push(reader)
    return reader
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.splice(0)) await reader.close()
  }
}

/** Whole numbers of a golden file. */
export async function integers(reader: TensorReader, name: string): Promise<Int32Array> {
  return Int32Array.from((await reader.read(name)) as Int32Array)
}

/** Doubles of a golden file. */
export async function doubles(reader: TensorReader, name: string): Promise<Float64Array> {
  return Float64Array.from((await reader.read(name)) as Float64Array)
}
