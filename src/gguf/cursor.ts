import { check } from '../core/errors.ts'
import { decodeUtf8 } from '../core/json.ts'
import type { ByteSource } from '../safetensors/source.ts'

/** As much as is asked of a source at a time. */
const pieceBytes = 1 << 20

/** Reads a file's beginning in order, piece by piece, never more of it than it has. Numbers are little-endian. */
export class Cursor {
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(this.#bytes.buffer)
  /** Where the bytes at hand begin in the file, and the next one within them. */
  #begin = 0
  #next = 0

  /** @param most Bytes that may be read. */
  constructor(
    readonly source: ByteSource,
    readonly most: number,
  ) {}

  /** Bytes that were read. */
  get position(): number {
    return this.#begin + this.#next
  }

  /** Bytes that may still be read. */
  get left(): number {
    return Math.min(this.source.byteLength, this.most) - this.position
  }

  /** Checks that so many bytes are there, and makes them ready to be taken. */
  async ready(bytes: number, what: () => string): Promise<void> {
    if (this.#next + bytes <= this.#bytes.length) return
    this.checkLeft(bytes, what)
    const begin = this.position
    const end = Math.min(begin + Math.max(bytes, pieceBytes), begin + this.left)
    const read = await this.source.read(begin, end)
    check(read.length === end - begin, 'format', () => {
      return `${this.source.name}: asked for ${end - begin} bytes at ${begin}, only ${read.length} could be read`
    })
    this.#bytes = new Uint8Array(read.buffer, read.byteOffset, read.byteLength)
    this.#view = new DataView(read.buffer, read.byteOffset, read.byteLength)
    this.#begin = begin
    this.#next = 0
  }

  /** @throws MedAwareError `format` where fewer bytes are left. */
  checkLeft(bytes: number, what: () => string): void {
    const { left, position, source } = this
    check(bytes <= left, 'format', () => {
      const end = this.most < source.byteLength ? `a header may have ${this.most} bytes` : `${left} are left`
      return `${source.name}: ${what()} at byte ${position} takes ${bytes} bytes, ${end}; is the file truncated?`
    })
  }

  /** A number that is ready, by the method of a DataView that reads it. */
  take<T>(bytes: number, read: (view: DataView, at: number) => T): T {
    const value = read(this.#view, this.#next)
    this.#next += bytes
    return value
  }

  /** Bytes that are ready; they are the cursor's. */
  bytes(count: number): Uint8Array {
    this.#next += count
    return this.#bytes.subarray(this.#next - count, this.#next)
  }

  async u32(what: () => string): Promise<number> {
    await this.ready(4, what)
    return this.take(4, (view, at) => view.getUint32(at, true))
  }

  /** A length or a count; one above 2^53 is rounded, and is more than any file has. */
  async size(what: () => string): Promise<number> {
    await this.ready(8, what)
    return this.take(8, (view, at) => Number(view.getBigUint64(at, true)))
  }

  /** A text, its length before it. @param most Bytes that it may have. */
  async text(what: () => string, most = Infinity): Promise<string> {
    const length = await this.size(what)
    check(length <= most, 'format', () => {
      return `${this.source.name}: ${what()} at byte ${this.position} has ${length} bytes, ${most} are the most`
    })
    await this.ready(length, what)
    return decodeUtf8(`${this.source.name}: ${what()}`, this.bytes(length))
  }
}
