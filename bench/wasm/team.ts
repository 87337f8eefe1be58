import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const script = `
const { parentPort, workerData } = require('node:worker_threads')
const functions = new WebAssembly.Instance(workerData).exports
parentPort.on('message', ([name, ...numbers]) => {
  functions[name](...numbers)
  parentPort.postMessage('done')
})`

/** Threads that do the same at the same time, each in an instance with a memory of its own. */
export class Team {
  readonly #workers: readonly Worker[]

  constructor(module: WebAssembly.Module, threads: number) {
    const options = { eval: true, workerData: module, execArgv: [] }
    this.#workers = Array.from({ length: threads }, () => new Worker(script, options))
  }

  get threads(): number {
    return this.#workers.length
  }

  /** Calls an exported function on every thread, and resolves when the last is done. */
  async call(name: string, ...numbers: readonly number[]): Promise<void> {
    const ends = this.#workers.map((worker) => once(worker, 'message'))
    for (const worker of this.#workers) worker.postMessage([name, ...numbers])
    await Promise.all(ends)
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}
