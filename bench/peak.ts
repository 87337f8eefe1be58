import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { CpuBuild } from '../src/device/cpu/cpu-device.ts'

interface Compiler {
  readonly main: (options: readonly string[], files: object) => Promise<{ readonly error: Error | null }>
}
// By a name that TypeScript does not follow: assemblyscript's types give every array of the program methods it lacks.
const compiler: string = 'assemblyscript/asc'

const steps = 12_000_000

const script = `
const { parentPort, workerData } = require('node:worker_threads')
const { peak } = new WebAssembly.Instance(workerData).exports
parentPort.on('message', (steps) => {
  peak(steps, 0.999, 0.001)
  parentPort.postMessage('done')
})`

/** The multiply-adds that as many threads as given reach at the same time when nothing is loaded or stored. */
export class Peak {
  readonly #workers: readonly Worker[]

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers
  }

  /**
   * Compiles `peak.as.ts` as the kernels of `build` are, and starts the threads. For `wide`, open a device of that
   * build before.
   */
  static async open(build: CpuBuild, threads: number): Promise<Peak> {
    const module = await WebAssembly.compile(await compile(build !== 'simd'))
    const options = { eval: true, workerData: module, execArgv: [] }
    const peak = new Peak(Array.from({ length: threads }, () => new Worker(script, options)))
    // V8 compiles what has run a while once more, and takes up the faster code at the next call.
    for (let i = 0; i < 10; i++) await peak.run(steps / 20)
    return peak
  }

  /** Floating-point operations of a run. */
  get operations(): number {
    return this.#workers.length * steps * 96
  }

  async run(count = steps): Promise<void> {
    const ends = this.#workers.map((worker) => once(worker, 'message'))
    for (const worker of this.#workers) worker.postMessage(count)
    await Promise.all(ends)
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

async function compile(relaxed: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const source = readFileSync(new URL('peak.as.ts', import.meta.url), 'utf8')
  const { main } = (await import(compiler)) as Compiler
  let binary = new Uint8Array()
  const features = ['--enable', 'simd', ...(relaxed ? ['--enable', 'relaxed-simd'] : [])]
  const { error } = await main(['peak.ts', '--runtime', 'stub', '-O3', ...features, '--outFile', 'peak.wasm'], {
    readFile: (name: string) => (name === 'peak.ts' ? source : null),
    writeFile: (_name: string, contents: unknown) => {
      binary = Uint8Array.from(contents as Uint8Array)
    },
    listFiles: () => [],
  })
  if (error) throw error
  return binary
}
