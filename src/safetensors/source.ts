import { explainBlob } from '../core/blob-errors.ts'
import { check, MedAwareError } from '../core/errors.ts'
import { arrayOf, readArgument, type Rule, that, withMethods } from '../core/options.ts'

/** Bytes that can be read in part: a file, a Blob, a URL. */
export interface ByteSource {
  /** How error messages call it. */
  readonly name: string
  readonly byteLength: number
  /**
   * Bytes `begin` up to `end`, exclusive; may be a view of memory the source keeps, so do not write to it.
   * @param into Memory of at least that length, which a source that has no bytes of its own may read into and give a
   * view of.
   */
  read(begin: number, end: number, into?: Uint8Array): Promise<Uint8Array>
  close?(): Promise<void>
}

/** A source that a caller gives. */
export const sourceRule: Rule<ByteSource> = withMethods<ByteSource>("a source, such as bytesSource's or blobSource's", [
  'read',
])

const blobRule = that('a Blob or a File', (value): value is Blob => {
  return typeof value === 'object' && value !== null && 'size' in value && 'slice' in value
})

/**
 * A source over bytes in memory; reads are views, nothing is copied. @throws MedAwareError `config` for what is no
 * Uint8Array.
 */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  readArgument('bytesSource', 'bytes', bytes, arrayOf(Uint8Array))
  // A Buffer of Node's has another slice, which copies nothing.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    name,
    byteLength: bytes.byteLength,
    async read(begin, end) {
      checkRange(name, begin, end, bytes.byteLength)
      return plain.subarray(begin, end)
    },
  }
}

/** As much as is asked of a Blob at a time: browsers make no buffer of 2 GiB out of one. */
const pieceBytes = 256 * 1024 * 1024

/**
 * A source over a Blob or a File, of which only the parts asked for are brought into memory.
 * Its reads throw `disk` or `not-found` for a file that is changed or gone since it was chosen.
 * @throws MedAwareError `config` for what is no Blob.
 */
export function blobSource(blob: Blob, name?: string): ByteSource {
  readArgument('blobSource', 'blob', blob, blobRule)
  return blobPieces(blob, name ?? fileNameOf(blob))
}

function blobPieces(blob: Blob, name: string): ByteSource {
  const piece = async (begin: number, end: number): Promise<Uint8Array> => {
    try {
      return new Uint8Array(await blob.slice(begin, end).arrayBuffer())
    } catch (cause) {
      throw explainBlob(name, cause)
    }
  }
  return {
    name,
    byteLength: blob.size,
    async read(begin, end, into) {
      checkRange(name, begin, end, blob.size)
      if (end - begin <= pieceBytes) return piece(begin, end)
      const bytes = into?.subarray(0, end - begin) ?? bytesFor(name, end - begin)
      for (let at = begin; at < end; at += pieceBytes) {
        bytes.set(await piece(at, Math.min(at + pieceBytes, end)), at - begin)
      }
      return bytes
    },
  }
}

/** Memory to read into. @throws MedAwareError `memory` where there is none of that length. */
export function bytesFor(name: string, length: number): Uint8Array {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new MedAwareError('memory', `${name}: there is no memory for ${length} bytes at once`, { cause })
  }
}

/**
 * Checks a range against the source it is to be read from.
 * @throws `format` when it is not within `byteLength` bytes.
 */
export function checkRange(name: string, begin: number, end: number, byteLength: number): void {
  check(
    0 <= begin && begin <= end && end <= byteLength,
    'format',
    () => `${name}: bytes ${begin} to ${end} are not within its ${byteLength} bytes`,
  )
}

function fileNameOf(blob: Blob): string {
  return 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob'
}
