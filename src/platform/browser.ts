import { MedAwareError, messageOf } from '../core/errors.ts'
import type { Platform } from './platform.ts'

/** Which of the two platforms this is. */
export const platformName = 'browser'

/** `navigator.gpu` if it has an adapter. */
export const requestGpu: Platform['requestGpu'] = async () => {
  const gpu: GPU | undefined = typeof navigator === 'undefined' ? undefined : navigator.gpu
  if (gpu === undefined) {
    return { reason: 'this browser has no navigator.gpu; WebGPU needs a recent browser and a page served over https' }
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) return { reason: 'this browser has WebGPU but no adapter; see chrome://gpu or about:support' }
  return { gpu }
}

/** Browsers wait in a process of their own. */
export const waitForGpu: Platform['waitForGpu'] = (work) => work

/**
 * A message to oneself, which waits behind what is due. Timers one within another are held back by 4 ms each, and
 * `scheduler.yield` goes on before timers.
 */
export const nextTurn: Platform['nextTurn'] = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })

/** What the browser says the machine has. */
export const availableThreads: Platform['availableThreads'] = () => globalThis.navigator?.hardwareConcurrency ?? 1

/** A Web Worker from a Blob, so that no file need be served beside the page. */
export const startWorker: Platform['startWorker'] = (script, orders) =>
  new Promise((resolve, reject) => {
    const url = URL.createObjectURL(new Blob([`const port = self;${script}`], { type: 'text/javascript' }))
    const worker = new Worker(url)
    const started = {
      hasEnded: false,
      stop() {
        started.hasEnded = true
        URL.revokeObjectURL(url)
        worker.terminate()
      },
    }
    worker.onerror = ({ message }) => {
      started.stop()
      reject(new Error(message || "the page's Content-Security-Policy must allow blob: in worker-src"))
    }
    worker.onmessage = () => resolve(started)
    try {
      worker.postMessage(orders)
    } catch (error) {
      started.stop()
      throw error
    }
  })

/** A page has no say in its engine's flags. */
export const unlockSimd: Platform['unlockSimd'] = () => null

/** There is nothing to take back. */
export const lockSimd: Platform['lockSimd'] = () => {}

/** Browsers name no processor. */
export const processorName: Platform['processorName'] = () => navigator.userAgent

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const fileSource: Platform['fileSource'] = async (path) => {
  throw refuse('fileSource', path, 'use blobSource with a File the user chose, or urlSource')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const fileUrl: Platform['fileUrl'] = (path) => {
  throw refuse('fileUrl', path, 'give the files as Blobs')
}

/** A page is bundled with what it names: whoever pushes from one hands the package over. */
export const importHubLibrary: Platform['importHubLibrary'] = async () => null

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const readTextFile: Platform['readTextFile'] = async (path) => {
  throw refuse('readTextFile', path, 'use file.text() or fetch')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const writeFileAtomic: Platform['writeFileAtomic'] = async (path) => {
  throw refuse('writeFileAtomic', path, 'make a Blob of the bytes and offer it as a download')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const writeFilesAtomic: Platform['writeFilesAtomic'] = async (folder) => {
  throw refuse('writeFilesAtomic', folder, 'make a Blob of the bytes and offer it as a download')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const listFolder: Platform['listFolder'] = async (path) => {
  throw refuse('listFolder', path, 'let the user choose files')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const fileExists: Platform['fileExists'] = async (path) => {
  throw refuse('fileExists', path, 'let the user choose files')
}

/** A page keeps no files. */
export const disk: Platform['disk'] = null

/** What is loaded when it is needed first; a failure is not kept. */
let opening: ReturnType<Platform['openCacheStore']> | null = null

/** The origin private file system, where a page may not have it the Cache API. */
export const openCacheStore: Platform['openCacheStore'] = async () => {
  opening ??= import('./page-cache/open-page-store.ts').then(({ openPageStore }) => openPageStore())
  const answer = await opening.catch((error: unknown) => ({ reason: messageOf(error) }))
  if ('reason' in answer) opening = null
  return answer
}

/** A worker may not ask. */
export const persistStorage: Platform['persistStorage'] = async () => {
  try {
    return await navigator.storage.persist()
  } catch {
    return false
  }
}

/** By the page's own base; by the origin in a worker from a Blob, whose script lies nowhere. */
export const resolveAddress: Platform['resolveAddress'] = (text) => {
  const own = globalThis.document?.baseURI ?? globalThis.location?.href
  const base = own?.startsWith('blob:') ? globalThis.origin : own
  return URL.canParse(text, base) ? new URL(text, base) : null
}

/** A browser knows its proxies. */
export const fetch: Platform['fetch'] = (address, init) => globalThis.fetch(address, init)

/** A page has no environment. */
export const environment: Platform['environment'] = () => undefined

/** CacheStorage, which workers have as well. */
export const readCache: Platform['readCache'] = async (name) => {
  try {
    const answer = await (await caches.open(cacheName)).match(addressOf(name))
    return answer === undefined ? null : await answer.text()
  } catch {
    return null
  }
}

/** CacheStorage, which workers have as well. */
export const writeCache: Platform['writeCache'] = async (name, text) => {
  try {
    await (await caches.open(cacheName)).put(addressOf(name), new Response(text))
  } catch {
    // No room, or a page that may keep nothing.
  }
}

/** Texts are kept under addresses. */
export const ownCacheFolder: Platform['ownCacheFolder'] = () => null

const cacheName = 'peft-medaware'

/** A cache's keys are addresses; this one leads nowhere. */
function addressOf(name: string): string {
  return `https://peft-medaware.invalid/${name}`
}

function refuse(who: string, path: string, instead: string): MedAwareError {
  return new MedAwareError('unsupported', `${who}: browsers have no path ${path}; ${instead}`)
}
