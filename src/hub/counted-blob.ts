/** A Blob that tells how many of its bytes have been read: `fetch` in Node reads it by its stream. */
export class CountedBlob extends Blob {
  readonly #blob: Blob
  readonly #onBytes: (read: number) => void

  constructor(blob: Blob, onBytes: (read: number) => void) {
    super([], { type: blob.type })
    this.#blob = blob
    this.#onBytes = onBytes
  }

  override get size(): number {
    return this.#blob.size
  }

  override slice(start?: number, end?: number, type?: string): Blob {
    return this.#blob.slice(start, end, type)
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#blob.arrayBuffer()
  }

  override text(): Promise<string> {
    return this.#blob.text()
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let read = 0
    const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, controller) => {
        this.#onBytes((read += chunk.length))
        controller.enqueue(chunk)
      },
    })
    return this.#blob.stream().pipeThrough(counted)
  }
}
