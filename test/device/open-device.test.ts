import { describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { openDevice, type OpenDeviceOptions } from '../../src/device/open-device.ts'
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

/** Sets no flag of V8, which the reason would tell. */
const plain = { build: 'simd' } as const

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
  const { device, reason } = await openDevice({ gpu, cpu: plain })
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
  const asked = await openDevice({ device: 'cpu', cpu: plain })
  expect([asked.device.kind, asked.reason]).toEqual(['cpu', 'the CPU engine was asked for'])
  asked.device.dispose()
  const left = await openDevice({ gpu: noGpu, cpu: plain })
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
  const { device, reason } = await openDevice({ gpu, cpu: plain })
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
    `openDevice: device must be 'auto', 'cpu', 'webgpu', got "gpu"`,
  )
})

describe('what the caller got wrong is no reason for the CPU engine', () => {
  const hardware = gpuThatSays({ vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA H100' })
  it.each([
    [
      { webgpu: { tuning: 5 } },
      "openDevice: webgpu.tuning must be 'auto', 'on', 'off' or an object of a text by name, got 5",
    ],
    [{ webgpu: { tunning: 'on' } }, 'openDevice: webgpu: there is no option "tunning"; did you mean tuning?'],
    [
      { webgpu: { maxBindingBytes: 1000 } },
      'openDevice: webgpu.maxBindingBytes must be a positive multiple of 256, got 1000',
    ],
    [{ webgpu: true }, 'openDevice: webgpu must be an object such as { adapter: … }, got true'],
    [{ webgpu: { adapter: {} } }, 'openDevice: webgpu.adapter must be a GPUAdapter, got {}'],
    [{ cpu: { threads: 2.5 } }, 'openDevice: cpu.threads must be a whole number from 1 to 64, got 2.5'],
    [{ cpu: { build: 'fast' } }, "openDevice: cpu.build must be 'simd', 'relaxed', 'wide', 'fastest', got \"fast\""],
    [{ threads: 2 }, 'openDevice: there is no option "threads"; it has device, cpu, webgpu, gpu'],
    [{ gpu: {} }, "openDevice: gpu must be WebGPU's entry, such as navigator.gpu, got {}"],
    ['webgpu', 'openDevice: options must be an object such as { device: … }, got "webgpu"'],
  ])('%j', async (options, message) => {
    const given = typeof options === 'string' ? options : { gpu: await hardware, ...options }
    await expect(openDevice(given as OpenDeviceOptions)).rejects.toThrow(new MedAwareError('config', message))
  })

  it('a wish that the adapter cannot fulfil', async () => {
    const without = {
      requestAdapter: async () => ({
        info: (await (await hardware).requestAdapter())?.info,
        features: new Set(),
        requestDevice: () => null,
      }),
    }
    const wish = openDevice({ gpu: without as unknown as GPU, webgpu: { profile: true } })
    await expect(wish).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('profile needs timestamps'),
    })
  })
})

it('tells which flags of V8 it has set', async () => {
  const { device, reason } = await openDevice({ device: 'cpu', cpu: { build: 'relaxed', threads: 1 } })
  const isBehindFlag = process.versions.node.startsWith('20.')
  const told = '; with --experimental-wasm-relaxed-simd set for the whole process'
  expect(reason).toBe(`the CPU engine was asked for${isBehindFlag ? told : ''}`)
  device.dispose()
  const simd = await openDevice({ device: 'cpu', cpu: { build: 'simd', threads: 1 } })
  expect(simd.reason).toBe('the CPU engine was asked for')
  simd.device.dispose()
})
