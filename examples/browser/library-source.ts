import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../../src/', import.meta.url))

/** Lets Vite take the library from this repository's sources, as a browser would see it. */
export const librarySource = [
  { find: '#platform', replacement: `${source}platform/browser.ts` },
  { find: '#thread', replacement: `${source}platform/browser-thread.ts` },
  { find: /^peft-medaware$/, replacement: `${source}index.ts` },
  { find: /^peft-medaware\/(.*)$/, replacement: `${source}$1/index.ts` },
]
