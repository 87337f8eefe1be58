import { MedAwareError } from '../core/errors.ts'
import type { ThreadPlatform } from './thread.ts'

/** A module worker. Bundlers know its script by just these words. */
export const startThread: ThreadPlatform['startThread'] = (onEnd) => {
  const worker = new Worker(new URL('../worker/thread.js', import.meta.url), { type: 'module' })
  worker.onerror = (event) => {
    event.preventDefault()
    worker.terminate()
    const { message } = event
    const why = message || 'its script cannot be loaded; a bundler must know new Worker(new URL(…)), as Vite does'
    onEnd(new MedAwareError('device-lost', `startWorker: the worker has ended: ${why}`))
  }
  return {
    post: (message) => worker.postMessage(message),
    listen: (hear) => {
      worker.onmessage = ({ data }) => hear(data)
    },
    hold: () => {},
    stop: () => worker.terminate(),
    leave: () => worker.terminate(),
  }
}

/** The worker's own scope. */
export const ownPort: ThreadPlatform['ownPort'] = () => ({
  post: (message) => globalThis.postMessage(message),
  listen: (hear) => {
    globalThis.onmessage = ({ data }) => hear(data)
  },
  close: () => globalThis.close(),
})
