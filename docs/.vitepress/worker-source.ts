import type { Plugin } from 'vitepress'

/**
 * The library names its worker's script as the package has it, `thread.js`. Newer versions of Vite than VitePress has
 * know that its source is `thread.ts`.
 */
export const workerSource: Plugin = {
  name: 'worker-source',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('/src/platform/browser-thread.ts')) return null
    const named = "new URL('../worker/thread.js', import.meta.url)"
    if (!code.includes(named)) throw new Error(`${id} no longer says ${named}`)
    return code.replace(named, named.replace('.js', '.ts'))
  },
}
