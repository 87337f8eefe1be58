import { startWorker } from '#platform'
import { MedAwareError } from '../../core/errors.ts'
import type { StartedWorker } from '../../platform/platform.ts'
import { type BoardOptions, type CpuKernel, type Cut, JobBoard, LostShare, mostShares } from './job-board.ts'
import type { CpuWorkerOrders } from './worker.ts'

/** Shares of a job per thread: a thread that the system holds up is helped out by the others. */
const sharesPerThread = 4

/** The threads of a device: the one that calls, and workers beside it, over one memory. */
export class CpuThreads {
  readonly #board: JobBoard
  readonly #numbers: ReadonlyMap<string, number>
  readonly #workers: readonly StartedWorker[]
  readonly #mayWait = mayWait()
  /** Set once a worker has ended in the middle of a kernel. */
  #lost: MedAwareError | null = null

  private constructor(board: JobBoard, names: readonly string[], workers: readonly StartedWorker[]) {
    this.#board = board
    this.#numbers = new Map(names.map((name, i) => [name, i]))
    this.#workers = workers
  }

  /**
   * Starts a worker for each scratch memory. Resolves when all are ready; rejects, and leaves none behind, when one is
   * not.
   * @param kernels Kernels of the calling thread's instance, by the names under which every instance exports them.
   * @param options Of the calling thread: `patience` is for workers that took a share and may have ended.
   */
  static async start(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    kernels: ReadonlyMap<string, CpuKernel>,
    scratches: readonly (readonly [number, number])[],
    options?: BoardOptions,
  ): Promise<CpuThreads> {
    const { workerScript } = await import('./worker-script.generated.ts')
    const board = new SharedArrayBuffer(JobBoard.byteLength)
    const names = [...kernels.keys()]
    const shared = { module, memory, board, kernels: names }
    const starts = await Promise.allSettled(
      scratches.map(async (scratch) => startWorker(workerScript, { ...shared, scratch } satisfies CpuWorkerOrders)),
    )
    const workers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
    const failed = starts.find((start) => start.status === 'rejected')
    if (failed !== undefined) {
      workers.forEach((worker) => worker.stop())
      throw failed.reason
    }
    return new CpuThreads(new JobBoard(board, [...kernels.values()], options), names, workers)
  }

  /** Threads at work: fewer than were started when workers have ended from outside. */
  get count(): number {
    let count = 1
    for (const worker of this.#workers) if (!worker.hasEnded) count++
    return count
  }

  /**
   * Runs a kernel on all threads, and returns when it is done. Throws what it threw, on whichever thread. Workers that
   * ended between kernels are not missed: the others take their shares.
   * @param shareItems Items of a share. Default: such that each thread has a few, the later ones smaller.
   * @throws MedAwareError `device`, now and ever after, when a worker ended in the middle of a kernel.
   */
  run(name: string, operands: readonly number[], items: number, shareItems?: number): void {
    if (this.#lost !== null) throw this.#lost
    const kernel = this.#numbers.get(name) as number
    try {
      this.#board.run(kernel, operands, items, this.#cut(items, shareItems), this.#mayWait)
    } catch (error) {
      if (!(error instanceof LostShare)) throw error
      // One that was only slow must not write into what the caller does next.
      this.stop()
      throw (this.#lost = new MedAwareError(
        'device',
        `cpu: a worker thread took a share of ${name} and gave no answer for ${error.seconds} s; open another device`,
      ))
    }
  }

  #cut(items: number, shareItems: number | undefined): Cut {
    const shares = sharesPerThread * this.count
    if (shareItems === undefined && items >= shares ** 2) return { shares, size: 0 }
    const size = Math.ceil(Math.max(shareItems ?? items / shares, items / mostShares))
    return { shares: Math.ceil(items / size), size }
  }

  /** Ends the workers. */
  stop(): void {
    this.#workers.forEach((worker) => worker.stop())
  }
}

/** Whether this thread may sleep: the main thread of a page may not. */
function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0)
    return true
  } catch {
    return false
  }
}
