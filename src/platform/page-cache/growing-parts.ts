import { xxh32 } from '../../core/checksum.ts'
import { Digest } from '../../core/digest.ts'
import type { DigestKind, GrowingFile } from '../cache-store.ts'
import { type KeptFile, partLength, partPath, readRecord, writeRecord } from './record.ts'
import type { Shelf } from './shelf.ts'

/** Bytes of a part: what a page that is closed in the midst of a download may have to fetch again. */
export const partBytes = 16 * 1024 * 1024

/** Opens a file to add to it: what is there of it and whole is kept. */
export async function growParts(
  shelf: Shelf,
  path: string,
  kind: DigestKind,
  explain: (error: unknown) => unknown,
): Promise<GrowingFile> {
  const record = await readRecord(shelf, path)
  const growing = new GrowingParts(shelf, path, kind, explain)
  if (record !== null && 'file' in record) await growing.resume(record.file)
  return growing
}

class GrowingParts implements GrowingFile {
  readonly #shelf: Shelf
  readonly #path: string
  readonly #kind: DigestKind
  readonly #explain: (error: unknown) => unknown
  readonly #buffer = new Uint8Array(partBytes)
  #filled = 0
  #file: KeptFile
  #digest: Digest

  constructor(shelf: Shelf, path: string, kind: DigestKind, explain: (error: unknown) => unknown) {
    this.#shelf = shelf
    this.#path = path
    this.#kind = kind
    this.#explain = explain
    this.#digest = this.#begin()
    const folder = path.slice(0, path.lastIndexOf('/'))
    const parts = `${folder}/parts-${Math.random().toString(36).slice(2)}`
    this.#file = { parts, partBytes, byteLength: 0, sums: [] }
  }

  get byteLength(): number {
    return this.#file.sums.length * partBytes + this.#filled
  }

  /** Takes over what is there, up to the first part that is not as it was written. */
  async resume(file: KeptFile): Promise<void> {
    this.#file = { parts: file.parts, partBytes, byteLength: 0, sums: [] }
    if (file.partBytes !== partBytes) return
    for (const [part, sum] of file.sums.entries()) {
      const piece = await this.#shelf.read(partPath(file, part))
      if (piece === null || piece.size !== partLength(file, part)) return
      const bytes = new Uint8Array(await piece.arrayBuffer())
      if (xxh32(bytes) !== sum) return
      this.#digest.update(bytes)
      if (bytes.length < partBytes) {
        this.#buffer.set(bytes)
        this.#filled = bytes.length
      } else this.#count(sum, bytes.length)
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.subarray(at, at + partBytes - this.#filled)
      this.#buffer.set(taken, this.#filled)
      this.#digest.update(taken)
      this.#filled += taken.length
      at += taken.length
      if (this.#filled === partBytes) await this.#flush()
    }
  }

  async clear(): Promise<void> {
    await this.#shelf.remove(this.#file.parts)
    this.#file = { ...this.#file, byteLength: 0, sums: [] }
    this.#filled = 0
    this.#digest = this.#begin()
  }

  async finish(): Promise<string> {
    await this.close()
    return this.#digest.hex()
  }

  async close(): Promise<void> {
    await this.#flush()
  }

  /** Writes what is not written yet as a part of its own. Where there is no room, all of the file makes some. */
  async #flush(): Promise<void> {
    const { sums } = this.#file
    const part = sums.length
    try {
      if (this.#filled > 0) await this.#shelf.write(partPath(this.#file, part), this.#buffer.slice(0, this.#filled))
      const rest = this.#filled === 0 ? [] : [xxh32(this.#buffer.subarray(0, this.#filled))]
      const byteLength = this.byteLength
      await writeRecord(this.#shelf, this.#path, { file: { ...this.#file, byteLength, sums: [...sums, ...rest] } })
      if (this.#filled === partBytes) {
        this.#count(rest[0] ?? 0, partBytes)
        this.#filled = 0
      }
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError') await this.clear()
      throw this.#explain(error)
    }
  }

  #count(sum: number, length: number): void {
    const { byteLength, sums } = this.#file
    this.#file = { ...this.#file, byteLength: byteLength + length, sums: [...sums, sum] }
  }

  #begin(): Digest {
    return new Digest(this.#kind.algorithm).update(new TextEncoder().encode(this.#kind.prefix))
  }
}
