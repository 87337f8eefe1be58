import { parentPort } from 'node:worker_threads'
import { check } from '../core/errors.ts'
import { threadOf } from './node-module-thread.ts'
import type { ThreadPlatform } from './thread.ts'

/** A worker thread with the environment of this one. */
export const startThread: ThreadPlatform['startThread'] = (onEnd) => {
  return threadOf(new URL('../worker/thread.js', import.meta.url), onEnd)
}

/** The line of a worker thread to its parent. */
export const ownPort: ThreadPlatform['ownPort'] = () => {
  const port = parentPort
  check(port !== null, 'config', () => 'peft-medaware/worker: this module runs in a worker, which startWorker starts')
  return {
    post: (message) => port.postMessage(message),
    listen: (hear) => void port.on('message', hear),
    close: () => port.close(),
  }
}
