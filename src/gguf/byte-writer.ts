/** Bytes that are put behind one another, numbers little-endian. */
export class ByteWriter {
  #bytes = new Uint8Array(1 << 12)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What was written; a view. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Writes a number by the method of a DataView that does so. */
  put(bytes: number, write: (view: DataView, at: number) => void): void {
    const at = this.#room(bytes)
    write(this.#view, at)
  }

  u32(value: number): void {
    this.put(4, (view, at) => view.setUint32(at, value, true))
  }

  /** A length or a count: 64 bits. */
  size(value: number): void {
    this.put(8, (view, at) => view.setBigUint64(at, BigInt(value), true))
  }

  /** UTF-8, its length before it. */
  text(value: string): void {
    const utf8 = new TextEncoder().encode(value)
    this.size(utf8.length)
    const at = this.#room(utf8.length)
    this.#bytes.set(utf8, at)
  }

  /** Zeros up to a multiple of `alignment`. */
  align(alignment: number): void {
    this.#room((alignment - (this.#length % alignment)) % alignment)
  }

  /** Makes room behind what is there. @returns Where it begins. */
  #room(bytes: number): number {
    const at = this.#length
    this.#length += bytes
    if (this.#length > this.#bytes.length) {
      const more = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      more.set(this.#bytes.subarray(0, at))
      this.#bytes = more
      this.#view = new DataView(more.buffer)
    }
    return at
  }
}
