import { Worker } from 'node:worker_threads'
import { MedAwareError, messageOf } from '../core/errors.ts'
import { codeOf } from './node-errors.ts'
import type { StartedThread } from './thread.ts'

/** A worker thread that runs the module at an address. */
export function threadOf(address: URL, onEnd: (error: Error) => void): StartedThread {
  const worker = new Worker(address)
  let isOver = false
  const end = (error: Error) => {
    if (!isOver) onEnd(error)
    isOver = true
  }
  worker.once('error', (cause: unknown) => {
    const isFull = codeOf(cause) === 'ERR_WORKER_OUT_OF_MEMORY'
    const sentence = `startWorker: the worker has ended: ${messageOf(cause)}`
    end(new MedAwareError(isFull ? 'memory' : 'device-lost', sentence, { cause }))
  })
  worker.once('exit', (status) => {
    end(new MedAwareError('device-lost', `startWorker: the worker has ended by itself, with status ${status}`))
  })
  return {
    post: (message) => worker.postMessage(message),
    listen: (hear) => void worker.on('message', hear),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    stop: () => {
      isOver = true
      void worker.terminate()
    },
  }
}
