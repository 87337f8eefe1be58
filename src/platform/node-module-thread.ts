import { Worker } from 'node:worker_threads'
import { MedAwareError, messageOf } from '../core/errors.ts'
import { codeOf } from './node-errors.ts'
import type { StartedThread } from './thread.ts'

/** Milliseconds that a thread may take to end by itself. */
const patience = 10_000

/** A worker thread that runs the module at an address. */
export function threadOf(address: URL, onEnd: (error: Error) => void): StartedThread {
  // Of a program that is given as text Node 20 takes this flag for the thread's module too, and refuses it.
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith('--input-type'))
  const worker = new Worker(address, { execArgv })
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
  const stop = () => {
    isOver = true
    void worker.terminate()
  }
  return {
    post: (message) => worker.postMessage(message),
    listen: (hear) => void worker.on('message', hear),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    stop,
    leave: () => {
      if (isOver) return
      isOver = true
      worker.ref()
      const late = setTimeout(stop, patience)
      worker.once('exit', () => clearTimeout(late))
    },
  }
}
