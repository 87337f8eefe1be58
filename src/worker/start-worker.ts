import { persistStorage } from '#platform'
import { startThread } from '#thread'
import { MedAwareError } from '../core/errors.ts'
import { fromThisPage } from '../io/sources/relative-address.ts'
import type { threadCalls, WorkerOptions, workerCalls } from './calls/worker-calls.ts'
import { type Remote, remote, threadKinds, workerKinds } from './remote.ts'
import { Wire } from './wire.ts'
import { type WorkerModel, workerModel } from './worker-model.ts'

type WorkerCalls = Remote<typeof workerCalls>

/** A worker with an open device, and the calls on it. */
export type ModelWorker = Omit<WorkerCalls, 'loadModel' | 'dispose'> & {
  /** The device that it has opened, as `openDevice` says. */
  readonly device: { readonly kind: 'cpu' | 'webgpu'; readonly description: string; readonly reason: string }
  /** As `loadModel`, on the worker's device. */
  loadModel(...args: Parameters<WorkerCalls['loadModel']>): Promise<WorkerModel>
  /** Ends the worker, whatever it does, and frees all that it holds. Calls that are open fail. */
  terminate(): void
}

/**
 * Starts a worker (a Web Worker in a page, a worker thread in Node) and opens a device in it. All work is done there,
 * behind the calls of the main thread, of which each gives a promise or an async iterator. The program ends without it
 * where no call is open.
 * @param options As `openDevice`. Default: a hardware WebGPU adapter if there is one, else the CPU engine.
 * @throws MedAwareError as `openDevice`; `device-lost` where no worker can be started. A worker that ends later fails
 * every call: `memory` where it has none left, else `device-lost`; `device` after `terminate`.
 */
export async function startWorker(options: WorkerOptions = {}): Promise<ModelWorker> {
  const thread = startThread((error) => wire.close(error))
  const wire = new Wire(thread, (isBusy) => thread.hold(isBusy))
  const close = () => wire.close(new MedAwareError('device', 'the worker was ended by terminate; start another one'))
  try {
    const { id, facts, kept } = await remote<typeof threadCalls>(wire, null, threadKinds).openDevice(options)
    const device = facts as ModelWorker['device']
    const { loadModel, dispose, ...calls } = remote<typeof workerCalls>(wire, id, workerKinds, kept)
    return {
      ...calls,
      device,
      inspectModel: (source, given) => calls.inspectModel(fromThisPage(source), given),
      loadModel: async (source, given) => {
        // Only the page may ask, the worker keeps the files.
        if (typeof source === 'string') void persistStorage()
        return workerModel(wire, await loadModel(fromThisPage(source), given))
      },
      terminate: () => {
        const isGpu = device.kind === 'webgpu'
        if (isGpu) void dispose().catch(() => {})
        close()
        if (isGpu) thread.leave()
        else thread.stop()
      },
    }
  } catch (error) {
    close()
    thread.stop()
    throw error
  }
}
