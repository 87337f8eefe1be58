import { expect, it } from 'vitest'
import { openDevice } from '../../src/device/open-device.ts'
import { testGpu } from './test-gpu.ts'

/** The adapter of the tests under another name: what matters here is what it says of itself. */
async function gpuThatSays(info: Partial<GPUAdapterInfo>): Promise<GPU> {
  const real = await testGpu()
  return {
    requestAdapter: async () => {
      const adapter = await real.requestAdapter()
      if (adapter === null) return null
      const none = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false }
      return {
        info: { ...none, ...info },
        features: adapter.features,
        limits: adapter.limits,
        requestDevice: (descriptor: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
      }
    },
  } as unknown as GPU
}

const noGpu = { requestAdapter: async () => null } as unknown as GPU

it('takes a hardware adapter before the CPU', async () => {
  const gpu = await gpuThatSays({ vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA H100' })
  const { device, reason } = await openDevice({ gpu, webgpu: { selfTest: false } })
  expect(device.kind).toBe('webgpu')
  expect(device.description).toBe('WebGPU on NVIDIA H100 (nvidia, hopper)')
  expect(reason).toBe('a hardware adapter: WebGPU on NVIDIA H100 (nvidia, hopper)')
  device.dispose()
})

it('takes the CPU before a software adapter', async () => {
  const gpu = await gpuThatSays({ vendor: 'google', architecture: 'swiftshader' })
  const { device, reason } = await openDevice({ gpu })
  expect(device.kind).toBe('cpu')
  expect(reason).toBe('the CPU engine, because the only adapter is software: WebGPU on google swiftshader (software)')
  device.dispose()
})

it('takes the software adapter when WebGPU is asked for', async () => {
  const { device, reason } = await openDevice({ device: 'webgpu', gpu: await testGpu() })
  expect(device.kind).toBe('webgpu')
  expect(reason).toBe('WebGPU was asked for')
  device.dispose()
})

it('takes the CPU when asked for, or when there is no adapter', async () => {
  const asked = await openDevice({ device: 'cpu' })
  expect([asked.device.kind, asked.reason]).toEqual(['cpu', 'the CPU engine was asked for'])
  asked.device.dispose()
  const left = await openDevice({ gpu: noGpu })
  expect([left.device.kind, left.reason]).toEqual(['cpu', 'the CPU engine, because WebGPU finds no adapter'])
  left.device.dispose()
})

it('takes the CPU when a hardware adapter gives no device', async () => {
  const gpu = {
    requestAdapter: async () => ({
      info: { vendor: 'intel', architecture: 'gen-12lp', device: '', description: '' },
      features: new Set(),
      limits: { maxStorageBuffersPerShaderStage: 8 },
      requestDevice: async () => {
        throw new Error('driver is too old')
      },
    }),
  } as unknown as GPU
  const { device, reason } = await openDevice({ gpu })
  expect([device.kind, reason]).toEqual([
    'cpu',
    'the CPU engine, because WebGPU on intel gen-12lp: the adapter gave no device, driver is too old',
  ])
  device.dispose()
  await expect(openDevice({ gpu, device: 'webgpu' })).rejects.toThrow(
    'WebGPU on intel gen-12lp: the adapter gave no device, driver is too old',
  )
})

it('says why WebGPU cannot be had when it is asked for', async () => {
  await expect(openDevice({ device: 'webgpu', gpu: noGpu })).rejects.toThrow(
    "webgpu: there is no adapter; install a GPU driver, or use { device: 'cpu' }",
  )
  const wrong = 'gpu' as unknown as 'cpu'
  await expect(openDevice({ device: wrong })).rejects.toThrow(
    `openDevice: device must be 'auto', 'cpu' or 'webgpu', not "gpu"`,
  )
})
