import { messageOf } from '../../core/errors.ts'
import type { CacheAnswer } from '../cache-store.ts'
import { CacheApiShelf } from './cache-api-shelf.ts'
import { OpfsShelf } from './opfs-shelf.ts'
import { openStore } from './page-store.ts'

/** What a browser may have to keep files in; the first that works is taken. */
const shelves = [OpfsShelf, CacheApiShelf] as const

/** Opens what a page may keep files in. A private window, or a page that is not served over https, may have none. */
export async function openPageStore(): Promise<CacheAnswer> {
  const reasons: string[] = []
  for (const Kind of shelves) {
    try {
      const shelf = await Kind.open()
      // Some browsers give a private window a shelf that nothing can be put on.
      const path = `peft-medaware-probe/${Math.random().toString(36).slice(2)}`
      await shelf.write(path, 'probe')
      const isKept = (await shelf.read(path))?.size === 5
      await shelf.remove('peft-medaware-probe')
      if (isKept) return { store: await openStore(shelf) }
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  return { reason: `this browser lets the page keep no files (${reasons.join('; ')})` }
}
