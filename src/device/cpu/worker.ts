import { type CpuKernel, JobBoard } from './job-board.ts'

/** What a worker is told before it serves. */
export interface CpuWorkerOrders {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly board: SharedArrayBuffer
  /** Names of the kernels, in the order of their numbers. */
  readonly kernels: readonly string[]
  /** Working memory of its own: where it begins, and its bytes. */
  readonly scratch: readonly [number, number]
}

// The platform runs this file as a script of its own, bundled, with the line to the thread that started it as `port`.
declare const port: Pick<MessagePort, 'onmessage' | 'postMessage'>

port.onmessage = ({ data }: MessageEvent<CpuWorkerOrders>) => {
  const { module, memory, board, kernels, scratch } = data
  const exported = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, CpuKernel>
  exported['setScratch']?.(...scratch)
  const served = new JobBoard(
    board,
    kernels.map((name) => exported[name] as CpuKernel),
    { beginJob: () => exported['beginJob']?.() },
  )
  port.postMessage('ready')
  served.serve()
}
