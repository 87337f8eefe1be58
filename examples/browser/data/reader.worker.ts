/**
 * What the reader's worker begins with. WebKit runs a worker's first file once more where another file imports from it,
 * as those that Vite cuts do: so nothing that others share stands here, and what is heard waits for the rest.
 */
const early: MessageEvent<unknown>[] = []
const keep = (event: MessageEvent<unknown>): void => void early.push(event)
addEventListener('message', keep)

const { serveReader } = await import('./serve-reader.ts')
removeEventListener('message', keep)
serveReader()
for (const { data, ports } of early) {
  dispatchEvent(new MessageEvent('message', { data, ports: [...ports] }))
}

export {}
