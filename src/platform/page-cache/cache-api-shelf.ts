import type { Shelf } from './shelf.ts'

/** Leads nowhere: a cache's keys are addresses. */
const base = 'https://peft-medaware.invalid/'

/** The Cache API, for pages that have no file system of their own. */
export class CacheApiShelf implements Shelf {
  readonly name = 'the Cache API of this browser'
  readonly #cache: Cache

  private constructor(cache: Cache) {
    this.#cache = cache
  }

  /** @throws what the browser says, where it has none or lets this page have none. */
  static async open(): Promise<CacheApiShelf> {
    return new CacheApiShelf(await caches.open('peft-medaware downloads'))
  }

  async read(path: string): Promise<Blob | null> {
    return (await (await this.#cache.match(addressOf(path)))?.blob()) ?? null
  }

  async write(path: string, content: Blob | Uint8Array<ArrayBuffer> | string): Promise<void> {
    await this.#cache.put(addressOf(path), new Response(content))
  }

  async remove(path: string): Promise<void> {
    for (const key of await this.#paths()) {
      if (key === path || key.startsWith(`${path}/`)) await this.#cache.delete(addressOf(key))
    }
  }

  async list(folder: string): Promise<string[]> {
    const below = (await this.#paths()).filter((path) => path.startsWith(`${folder}/`))
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))].sort()
  }

  async isFolder(path: string): Promise<boolean> {
    return (await this.list(path)).length > 0
  }

  async #paths(): Promise<string[]> {
    const keys = await this.#cache.keys()
    return keys.map(({ url }) => url.slice(base.length).split('/').map(decodeURIComponent).join('/'))
  }
}

function addressOf(path: string): string {
  return base + path.split('/').map(encodeURIComponent).join('/')
}
