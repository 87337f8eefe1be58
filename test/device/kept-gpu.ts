import type { Gpu } from '../../src/platform/platform.ts'
import { testGpu } from './test-gpu.ts'

/** Devices that nobody has, by what was asked of their adapter. */
const idle = new Map<string, GPUDevice[]>()

/**
 * The tests' GPU, whose devices are kept from one test file to the next: a software adapter compiles a tiled kernel for
 * seconds, and Dawn makes a pipeline that lives no second time. A device that is destroyed is emptied, and goes to the
 * next that asks for the same. For tests that are not about losing devices.
 */
export async function keptGpu(): Promise<Gpu> {
  const gpu = await testGpu()
  return {
    async requestAdapter(options) {
      const adapter = await gpu.requestAdapter(options)
      if (adapter === null) return null
      const { info, features, limits } = adapter
      const requestDevice = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
        const asked = JSON.stringify(descriptor)
        const free = idle.get(asked) ?? []
        idle.set(asked, free)
        return lend(free.pop() ?? keepPipelines(await adapter.requestDevice(descriptor)), (back) => free.push(back))
      }
      return { info, features, limits, requestDevice }
    },
  }
}

/** Puts methods of its own in front of those of an object of Dawn, whose prototype's take no other object. */
function shadow<T extends object>(target: T, own: Partial<T>): void {
  for (const [name, value] of Object.entries(own)) Object.defineProperty(target, name, { value, configurable: true })
}

const prototypeOf = (device: GPUDevice) => Object.getPrototypeOf(device) as GPUDevice

/** Dawn forgets a pipeline that no one refers to. */
function keepPipelines(device: GPUDevice): GPUDevice {
  const pipelines = new Set<GPUComputePipeline>()
  const keep = (made: GPUComputePipeline): GPUComputePipeline => {
    pipelines.add(made)
    return made
  }
  const real = prototypeOf(device)
  shadow(device, {
    createComputePipeline: (descriptor) => keep(real.createComputePipeline.call(device, descriptor)),
    createComputePipelineAsync: async (...args) => keep(await real.createComputePipelineAsync.apply(device, args)),
  })
  return device
}

/** A device as if new, until it is destroyed: then its buffers, error scopes and listeners are gone, not the device. */
function lend(device: GPUDevice, giveBack: (device: GPUDevice) => void): GPUDevice {
  const buffers = new Set<WeakRef<GPUBuffer>>()
  const listeners: Parameters<GPUDevice['addEventListener']>[] = []
  let scopes = 0
  let isLost = false
  const real = prototypeOf(device)
  const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
    shadow(device, {
      createBuffer(descriptor) {
        const buffer = real.createBuffer.call(device, descriptor)
        buffers.add(new WeakRef(buffer))
        return buffer
      },
      addEventListener(...args: Parameters<GPUDevice['addEventListener']>) {
        listeners.push(args)
        real.addEventListener.apply(device, args)
      },
      pushErrorScope(filter) {
        scopes++
        real.pushErrorScope.call(device, filter)
      },
      popErrorScope() {
        scopes--
        return real.popErrorScope.call(device)
      },
      destroy() {
        if (isLost) return
        isLost = true
        for (const buffer of buffers) buffer.deref()?.destroy()
        for (const [type, listener] of listeners) real.removeEventListener.call(device, type, listener)
        while (scopes-- > 0) void real.popErrorScope.call(device).catch(() => null)
        resolve({ reason: 'destroyed', message: 'given back' } as GPUDeviceLostInfo)
        giveBack(device)
      },
    })
  })
  shadow(device, { lost })
  return device
}
