import { writeFilesAtomic } from '#platform'
import { check } from '../../core/errors.ts'
import { readArgument, text } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { isGguf } from '../huggingface/hub-address.ts'

/** A file to be written. */
export interface GgufToWrite {
  readonly byteLength: number
  readonly pieces: () => AsyncIterable<Uint8Array>
}

/** A file's folder and its name. */
export interface GgufPlace {
  readonly folder: string
  readonly name: string
}

/** @throws MedAwareError `config` for a path that does not end in .gguf. */
export function ggufPlace(who: string, given: string): GgufPlace {
  const path = readArgument(who, 'path', given, text)
  const [, folder, name = ''] = /^(?:(.*)[/\\])?([^/\\]+)$/.exec(path) ?? []
  check(isGguf(name), 'config', () => `${who}: path must end in .gguf, got ${show(path)}`)
  return { folder: folder === '' ? '/' : (folder ?? '.'), name }
}

/** Writes a file, whole or not at all. @throws as `writeFilesAtomic`. */
export async function writeGguf({ folder, name }: GgufPlace, { byteLength, pieces }: GgufToWrite): Promise<void> {
  await writeFilesAtomic(folder, [{ name, byteLength, pieces }])
}

/** The whole file, in memory. */
export async function bytesOfGguf({ byteLength, pieces }: GgufToWrite): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength)
  let at = 0
  for await (const piece of pieces()) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
