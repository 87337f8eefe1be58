import type { Shelf } from '../../../src/platform/page-cache/shelf.ts'

/** A shelf in memory, with room for so many bytes. */
export class MemoryShelf implements Shelf {
  readonly name = 'the memory of a test'
  readonly pieces = new Map<string, Blob>()
  room = Infinity

  async read(path: string): Promise<Blob | null> {
    return this.pieces.get(path) ?? null
  }

  async write(path: string, content: Blob | Uint8Array<ArrayBuffer> | string): Promise<void> {
    const piece = new Blob([content])
    if (this.used() + piece.size > this.room) throw new DOMException('no room', 'QuotaExceededError')
    this.pieces.set(path, piece)
  }

  async remove(path: string): Promise<void> {
    for (const key of [...this.pieces.keys()]) if (key === path || key.startsWith(`${path}/`)) this.pieces.delete(key)
  }

  async list(folder: string): Promise<string[]> {
    const below = [...this.pieces.keys()].filter((path) => path.startsWith(`${folder}/`))
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))].sort()
  }

  async isFolder(path: string): Promise<boolean> {
    return (await this.list(path)).length > 0
  }

  used(): number {
    return [...this.pieces.values()].reduce((sum, { size }) => sum + size, 0)
  }
}

/** Locks of an origin, as the Web Locks API has them, which Node 20 has not. */
export class FakeLocks {
  readonly #held = new Map<string, Promise<unknown>>()

  async request<T>(name: string, work: () => Promise<T>): Promise<T> {
    while (this.#held.has(name)) await this.#held.get(name)
    const doing = work()
    this.#held.set(name, doing)
    try {
      return await doing
    } finally {
      this.#held.delete(name)
    }
  }

  async query(): Promise<{ held: { name: string }[] }> {
    return { held: [...this.#held.keys()].map((name) => ({ name })) }
  }

  /** As when the page that holds it is closed. */
  drop(name: string): void {
    this.#held.delete(name)
  }
}
