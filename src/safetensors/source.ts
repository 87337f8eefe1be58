import { check } from '../core/errors.ts'

/** Bytes that can be read in part: a file, a Blob, a URL. */
export interface ByteSource {
  /** How error messages call it. */
  readonly name: string
  readonly byteLength: number
  /**
   * Bytes `begin` up to `end`, exclusive; may be a view of memory the source keeps, so do not write to it.
   * @param into Memory of at least that length, which a source that has no bytes of its own may read into and give a view of.
   */
  read(begin: number, end: number, into?: Uint8Array): Promise<Uint8Array>
  close?(): Promise<void>
}

/** A source over bytes in memory; reads are views, nothing is copied. */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    async read(begin, end) {
      checkRange(name, begin, end, bytes.byteLength)
      return bytes.subarray(begin, end)
    },
  }
}

/** A source over a Blob or a File, of which only the parts asked for are brought into memory. */
export function blobSource(blob: Blob, name = fileNameOf(blob)): ByteSource {
  return {
    name,
    byteLength: blob.size,
    async read(begin, end) {
      checkRange(name, begin, end, blob.size)
      return new Uint8Array(await blob.slice(begin, end).arrayBuffer())
    },
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
