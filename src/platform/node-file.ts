import { open, stat, type FileHandle } from 'node:fs/promises'
import { MedAwareError } from '../core/errors.ts'
import { type ByteSource, bytesFor, checkRange } from '../safetensors/source.ts'
import { explain } from './node-errors.ts'

/** As much as one call to the system is asked for: at 2 GiB Node's `fs.read` aborts the process, whatever catches. */
const pieceBytes = 1024 * 1024 * 1024

/**
 * Opens a file to be read in part. @throws MedAwareError `not-found`, or `disk`, also for a folder, a pipe or a device.
 */
export async function openFile(path: string, who = 'fileSource'): Promise<ByteSource> {
  const attempt = <T>(work: Promise<T>): Promise<T> =>
    work.catch((cause: unknown) => {
      throw explain(who, path, cause)
    })
  // Asked before it is opened: opening a pipe waits for who writes into it.
  const { size: byteLength, ...kind } = await attempt(kindOf(path))
  if (!kind.isFile) {
    const what = kind.isFolder ? 'it is a folder, a file is needed' : 'it is neither a file nor a folder'
    throw new MedAwareError('disk', `${who}: cannot use ${path}, ${what}`)
  }
  const file = await attempt(open(path, 'r'))
  return {
    name: path,
    byteLength,
    async read(begin, end, into) {
      checkRange(path, begin, end, byteLength)
      const bytes = into === undefined ? bytesFor(path, end - begin) : into.subarray(0, end - begin)
      const read = await attempt(readWhole(file, bytes, begin))
      if (read === bytes.length) return bytes
      throw new MedAwareError('format', `${path}: ends at byte ${begin + read}, it was cut while it was read`)
    },
    close: () => file.close(),
  }
}

/** Fills `bytes` from a place in a file on; gives how many there were, fewer only at the file's end. */
export async function readWhole(file: Pick<FileHandle, 'read'>, bytes: Uint8Array, begin: number): Promise<number> {
  let at = 0
  while (at < bytes.length) {
    const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, pieceBytes), begin + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return at
}

async function kindOf(path: string): Promise<{ size: number; isFile: boolean; isFolder: boolean }> {
  const found = await stat(path)
  return { size: found.size, isFile: found.isFile(), isFolder: found.isDirectory() }
}
