/**
 * Keeps the built page for visits without a network. The build writes in what there is to keep (`service-worker-plugin.ts`). Scripts
 * and what they load have names made of their content, so a name means the same bytes in every version.
 */
declare const self: ServiceWorkerGlobalScope

/** The page's files by their addresses beside it, each with its checksum as `integrity` has it. */
declare const pageFiles: Readonly<Record<string, string>>
/** What they are served with, whatever the server sends. */
declare const pageHeaders: Readonly<Record<string, string>>
declare const pageVersion: string

const { scope } = self.registration
/** Other pages of the origin have caches too. */
const cachePrefix = `${scope} `
const cacheName = cachePrefix + pageVersion
const addresses = new Set(Object.keys(pageFiles).map((path) => new URL(path, scope).href))

self.addEventListener('install', (event) => {
  event.waitUntil(keepAll())
  void self.skipWaiting()
})

self.addEventListener('activate', (event) => {
  // A page that is open since before it was installed may load further scripts.
  event.waitUntil(self.clients.claim())
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  const address = origin + pathname.replace(/\/index\.html$/, '/')
  const isVisit = request.mode === 'navigate' && address === scope
  if (request.method !== 'GET' || !(isVisit || isKept(address))) return
  event.respondWith(answer(address, request))
  if (isVisit) event.waitUntil(forgetEarlier())
})

/** Files of a version that a page still runs are no longer in the list, and are taken where they lie. */
function isKept(address: string): boolean {
  return addresses.has(address) || address.startsWith(new URL('assets/', scope).href)
}

/** All or nothing: a file that is not the one of this version, as while a server is being updated, ends the attempt. */
async function keepAll(): Promise<void> {
  const cache = await caches.open(cacheName)
  await Promise.all(
    Object.entries(pageFiles).map(async ([path, integrity]) => {
      const response = await fetch(new URL(path, scope), { cache: 'no-cache', integrity })
      if (!response.ok) throw new Error(`${path} is not served (${response.status})`)
      const type = response.headers.get('content-type') ?? 'application/octet-stream'
      await cache.put(
        new URL(path, scope),
        new Response(response.body, { headers: { ...pageHeaders, 'content-type': type } }),
      )
    }),
  )
}

async function answer(address: string, request: Request): Promise<Response> {
  const own = await (await caches.open(cacheName)).match(address)
  if (own !== undefined) return own
  for (const name of await earlier()) {
    const kept = await (await caches.open(name)).match(address)
    if (kept !== undefined) return kept
  }
  return fetch(request)
}

async function earlier(): Promise<string[]> {
  return (await caches.keys()).filter((name) => name.startsWith(cachePrefix) && name !== cacheName)
}

/** A page that is open elsewhere may be of an earlier version and have scripts to load; a later one may be on its way. */
async function forgetEarlier(): Promise<void> {
  if (self.registration.installing !== null) return
  if ((await self.clients.matchAll({ type: 'window', includeUncontrolled: true })).length > 0) return
  await Promise.all((await earlier()).map((name) => caches.delete(name)))
}

export {}
