import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Binding } from '../../../src/device/device.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts'
import { testGpu } from '../test-gpu.ts'

let device: WebGpuDevice
beforeEach(async () => {
  device = await openWebGpuDevice(await testGpu())
})
afterEach(() => {
  vi.restoreAllMocks()
  device.dispose()
})

function allocate(byteLength: number, label: string): Binding {
  return { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
}

const failureOf = (work: () => unknown) =>
  Promise.resolve()
    .then(work)
    .then(
      () => 'no error',
      (error: unknown) => error,
    )

describe('a lost device', () => {
  const lost = expect.objectContaining({
    code: 'device-lost',
    message: expect.stringMatching(
      /^webgpu: the device was lost \(.*\); open a new one, load the model again and restore the last checkpoint$/,
    ) as string,
  }) as unknown

  it.each(['a download', 'settle'])('rejects %s that is under way, promptly', async (what) => {
    const out = allocate(4 << 20, 'out')
    await device.settle()
    device.run('fill', { out }, { count: 1 << 20, value: 1 })
    const started = performance.now()
    const pending = what === 'settle' ? device.settle() : device.download(out)
    device.gpu.destroy()
    expect(await failureOf(() => pending)).toEqual(lost)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('throws one and the same error from every call', async () => {
    const [a, b] = [allocate(16, 'a'), allocate(16, 'b')]
    device.gpu.destroy()
    await device.gpu.lost
    const first = await failureOf(() => device.settle())
    expect(first).toEqual(lost)
    for (const call of [
      () => device.settle(),
      () => device.download(a),
      () => device.upload(a, new Float32Array(4)),
      () => device.copy(a, b),
      () => device.run('fill', { out: a }, { count: 4, value: 0 }),
    ]) {
      expect(await failureOf(call)).toBe(first)
    }
  })

  it('is told from the news alone, where its promises never settle', async () => {
    let lose: (info: GPUDeviceLostInfo) => void = () => undefined
    const news = new Promise<GPUDeviceLostInfo>((resolve) => (lose = resolve))
    const adapter = await (await testGpu()).requestAdapter()
    if (adapter === null) throw new Error('no adapter')
    const request = adapter.requestDevice.bind(adapter)
    vi.spyOn(adapter, 'requestDevice').mockImplementation(async (descriptor) => {
      const gpu = await request(descriptor)
      Object.defineProperty(gpu, 'lost', { value: news })
      return gpu
    })
    const other = await openWebGpuDevice(await testGpu(), { adapter })
    const out = { buffer: other.memory.allocate(16, 'out'), byteOffset: 0, byteLength: 16 }
    const never = new Promise<never>(() => undefined)
    vi.spyOn(other.gpu.queue, 'onSubmittedWorkDone').mockReturnValue(never)
    const settled = failureOf(() => other.settle())
    lose({ reason: 'unknown', message: 'the driver was reset' } as GPUDeviceLostInfo)
    expect(await settled).toMatchObject({
      code: 'device-lost',
      message: expect.stringContaining('was lost (unknown: the driver was reset)') as string,
    })
    expect(await failureOf(() => other.download(out))).toBe(await settled)
    other.dispose()
  })
})

describe('work that the adapter refuses', () => {
  it('is reported under the name of its kernel', async () => {
    const make = device.gpu.createBindGroup.bind(device.gpu)
    const x = allocate(1024, 'x')
    const out = allocate(1024, 'out')
    device.run('fill', { out: x }, { count: 256, value: 1 })
    // A window of 2 bytes is no array<f32>.
    vi.spyOn(device.gpu, 'createBindGroup').mockImplementationOnce((descriptor) =>
      make({
        ...descriptor,
        entries: [...descriptor.entries].map((entry) =>
          entry.binding === 1 ? { ...entry, resource: { ...(entry.resource as GPUBufferBinding), size: 2 } } : entry,
        ),
      }),
    )
    device.run('gelu', { x, out }, { count: 256 })
    device.run('fill', { out: x }, { count: 256, value: 1 })
    const error = await failureOf(() => device.settle())
    expect(error).toMatchObject({
      code: 'device',
      message: expect.stringMatching(/^gelu: the adapter refused work, .*size/s) as string,
    })
    expect(await failureOf(() => device.download(x))).toBe(error)
  })

  it('names the kernels of a batch where it is not known which it was', async () => {
    const [x, out] = [allocate(16, 'x'), allocate(16, 'out')]
    device.run('fill', { out: x }, { count: 4, value: 1 })
    device.run('gelu', { x, out }, { count: 4 })
    const [block] = Object.values(out.buffer).filter((value) => typeof value === 'object')
    ;(block as { gpu: GPUBuffer }).gpu.destroy()
    await expect(device.settle()).rejects.toThrow(
      /^webgpu: the adapter refused work, .*\[Buffer "out"\].* \(in a batch of fill, gelu\)$/s,
    )
  })

  it('says what there was no memory for, and what to do', async () => {
    await device.settle()
    allocate(1024, 'held')
    class GPUOutOfMemoryError {
      readonly message = 'Failed to allocate memory for buffer'
    }
    vi.spyOn(device.gpu, 'popErrorScope').mockResolvedValueOnce(new GPUOutOfMemoryError())
    allocate(4096, 'logits')
    expect(await failureOf(() => device.settle())).toMatchObject({
      code: 'memory',
      message:
        'webgpu: the adapter has no memory for logits, 4096 bytes beside 5120 bytes in use and 0 kept for reuse; take ' +
        'smaller batches or shorter examples, turn on gradientCheckpointing, or use ' +
        "{ device: 'cpu' } (Failed to allocate memory for buffer)",
    })
  })
})
