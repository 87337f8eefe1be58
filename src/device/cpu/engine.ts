import { MedAwareError, messageOf } from '../../core/errors.ts'
import type { CpuKernel } from './job-board.ts'
import { CpuHeap } from './heap.ts'
import { compileKernels, type CpuBuild } from './module.ts'
import { CpuThreads } from './threads.ts'
import { twinsOf } from './twins.ts'
import type { KernelName } from '../register/kernels.ts'

/** Kernels over one memory: what a device computes with. */
export interface CpuEngine {
  readonly memory: WebAssembly.Memory
  readonly heap: CpuHeap
  /** Kernels of the calling thread. */
  readonly kernels: ReadonlyMap<KernelName, CpuKernel>
  /** Called on the calling thread before it runs a kernel by itself. */
  readonly beginJob: () => void
  /** null: there is the calling thread alone. */
  readonly threads: CpuThreads | null
  /** Why there is one thread where more were to be used; null if there are as many. */
  readonly whyOneThread: string | null
}

const pageBytes = 65536
const mostPages = 65536

/** Sets up an engine of so many threads, or of one where more cannot be had. */
export async function openEngine(build: CpuBuild, count: number): Promise<CpuEngine> {
  if (count === 1) return setUp(build, 1)
  let whyOneThread = globalThis.crossOriginIsolated
    ? 'this browser shares no memory between threads (it has no SharedArrayBuffer, though the page is isolated)'
    : 'this page may not share memory between threads (it is not cross-origin isolated)'
  if (typeof SharedArrayBuffer !== 'undefined') {
    try {
      return await setUp(build, count)
    } catch (error) {
      if (error instanceof MedAwareError) throw error
      whyOneThread = `worker threads cannot be had (${messageOf(error)})`
    }
  }
  return { ...(await setUp(build, 1)), whyOneThread }
}

async function setUp(build: CpuBuild, count: number): Promise<CpuEngine> {
  const shared = count > 1
  const module = await compileKernels(build, shared)
  const memory = new WebAssembly.Memory({ initial: 64, maximum: mostPages, shared })
  const instance = await WebAssembly.instantiate(module, { env: { memory } })
  const exported = twinsOf(instance.exports)
  const heap = new CpuHeap(
    {
      byteLength: () => memory.buffer.byteLength,
      growTo: (bytes) => grow(memory, Math.ceil(bytes / pageBytes)),
    },
    exported.heapBase(),
  )
  const bytes = exported.scratchBytes()
  const scratches = Array.from({ length: count }, () => [heap.create(bytes, 'scratch').pointer, bytes] as const)
  const [first = [0, 0] as const, ...others] = scratches
  exported.setScratch(...first)
  const { kernels, beginJob } = exported
  const threads = shared ? await CpuThreads.start(module, memory, kernels, others, { beginJob }) : null
  return { memory, heap, kernels, beginJob, threads, whyOneThread: null }
}

/**
 * Grows to so many pages. Asks for a quarter more than there are first: untouched pages cost nothing, each growth a
 * collection.
 */
function grow(memory: WebAssembly.Memory, pages: number): void {
  const now = memory.buffer.byteLength / pageBytes
  const ample = Math.min(mostPages, Math.max(pages, Math.ceil(now * 1.25)))
  try {
    memory.grow(ample - now)
  } catch {
    memory.grow(pages - now)
  }
}

/**
 * Runs a kernel over all its items, on all threads unless it `isSmall` and `shareItems` does not say how. Throws what
 * the kernel throws.
 */
export function runKernel(
  { kernels, beginJob, threads }: CpuEngine,
  name: KernelName,
  operands: readonly number[],
  items: number,
  isSmall: boolean,
  shareItems: number | undefined,
): void {
  if (items === 0) return
  const isAlone = items === 1 || (shareItems === undefined && isSmall)
  if (threads === null || isAlone) {
    beginJob()
    kernels.get(name)?.(...operands, 0, items)
  } else threads.run(name, operands, items, shareItems)
}
