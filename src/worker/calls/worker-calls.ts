import type { CpuOptions } from '../../device/cpu/cpu-device.ts'
import type { Device } from '../../device/device.ts'
import { openDevice, type OpenDeviceOptions } from '../../device/open-device.ts'
import type { WebGpuOptions } from '../../device/webgpu/options.ts'
import { type CachedModelsOptions, cachedModels, deleteCachedModel } from '../../io/huggingface/cached-models.ts'
import { loadModel } from '../../io/load/load-model.ts'
import type { LoadModelOptions } from '../../io/load/load-options.ts'
import { inspectModel } from '../../io/plan/inspect-model.ts'
import { type MemoryPlanOptions, planMemory } from '../../io/plan/memory-plan.ts'
import type { Source } from '../../io/sources/open-folder.ts'
import type { ModelConfig } from '../../models/causal-lm.ts'
import { Held, HeldModel } from './held.ts'

/** Which engine the worker opens: `OpenDeviceOptions`, without what cannot go to a worker. */
export type WorkerOptions = Pick<OpenDeviceOptions, 'device'> & {
  readonly cpu?: CpuOptions
  readonly webgpu?: Omit<WebGpuOptions, 'adapter'>
}

/** What the worker's device holds, in bytes. */
export interface WorkerMemory {
  readonly liveBytes: number
  readonly peakBytes: number
  readonly liveBuffers: number
  /** As `DeviceLimits`. */
  readonly freeBytes: number | null
}

/** The worker's device. */
export class HeldDevice extends Held {
  readonly facts: Pick<Device, 'kind' | 'description'> & { readonly reason: string }

  constructor(
    readonly device: Device,
    reason: string,
  ) {
    super()
    const { kind, description } = device
    this.facts = { kind, description, reason }
  }
}

/** What can be asked of a worker before it has a device. */
export const threadCalls = {
  openDevice: async (_thread: null, options: WorkerOptions): Promise<HeldDevice> => {
    const { device, reason } = await openDevice(options)
    return new HeldDevice(device, reason)
  },
}

/** What can be asked of a worker with its device. */
export const workerCalls = {
  loadModel: async ({ device }: HeldDevice, source: Source, options: Omit<LoadModelOptions, 'device'> = {}) =>
    new HeldModel(await loadModel(source, { ...options, device })),
  inspectModel: (_worker: HeldDevice, ...args: Parameters<typeof inspectModel>) => inspectModel(...args),
  planMemory: ({ device }: HeldDevice, config: ModelConfig, options: Omit<MemoryPlanOptions, 'device'> = {}) =>
    planMemory(config, { ...options, device }),
  cachedModels: (_worker: HeldDevice, options?: CachedModelsOptions) => cachedModels(options),
  deleteCachedModel: (_worker: HeldDevice, name: string, options?: CachedModelsOptions) =>
    deleteCachedModel(name, options),
  memory: ({ device: { memory, limits } }: HeldDevice): WorkerMemory => {
    const { liveBytes, peakBytes, liveBuffers } = memory
    return { liveBytes, peakBytes, liveBuffers, freeBytes: limits.freeBytes }
  },
  dispose: ({ device }: HeldDevice): void => device.dispose(),
  resetPeak: ({ device: { memory } }: HeldDevice): void => memory.resetPeak(),
}
