import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/device/webgpu/adapter.ts'
import type { Binding } from '../../../src/device/device.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts'
import { testGpu } from '../test-gpu.ts'

let device: WebGpuDevice
beforeEach(async () => {
  device = await openWebGpuDevice(await testGpu())
})
afterEach(() => device.dispose())

function allocate(byteLength: number, label: string): Binding {
  return { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
}

function floats(label: string, values: readonly number[]): Binding {
  const window = allocate(4 * values.length, label)
  device.upload(window, new Float32Array(values))
  return window
}

async function read(window: Binding): Promise<number[]> {
  return [...new Float32Array((await device.download(window)).buffer)]
}

describe('order', () => {
  it('keeps uploads, kernels and copies in the order of the calls', async () => {
    const x = floats('x', [1, 2, 3])
    const y = allocate(12, 'y')
    const z = allocate(12, 'z')
    device.run('add', { a: x, b: x, out: y }, { count: 3, alpha: 1 })
    device.upload(x, new Float32Array([10, 20, 30]))
    device.copy(y, z)
    device.run('accumulate', { x, target: y }, { count: 3, alpha: 2 })
    expect(await read(z)).toEqual([2, 4, 6])
    expect(await read(y)).toEqual([22, 44, 66])
  })

  it('gives each of more kernels than a batch holds its own parameters', async () => {
    const windows = Array.from({ length: 150 }, (_, i) => allocate(4, `w${i}`))
    windows.forEach((out, i) => device.run('fill', { out }, { count: 1, value: i }))
    const values = await Promise.all(windows.map(read))
    expect(values.flat()).toEqual(windows.map((_, i) => i))
  })

  it('lets a kernel read a buffer that is freed, and its memory reused, right after', async () => {
    const out = allocate(4, 'out')
    device.run('fill', { out }, { count: 1, value: 0 })
    for (let i = 1; i <= 100; i++) {
      device.memory.scoped(() => {
        const x = allocate(4, 'x')
        device.run('fill', { out: x }, { count: 1, value: i })
        device.run('accumulate', { x, target: out }, { count: 1, alpha: 1 })
      })
    }
    expect(await read(out)).toEqual([5050])
  })

  it('destroys what does not fit its pool only after the kernels that use it', async () => {
    const small = await openWebGpuDevice(await testGpu(), { idleBytes: 0 })
    const out = { buffer: small.memory.allocate(1024, 'out'), byteOffset: 0, byteLength: 1024 }
    const x = { buffer: small.memory.allocate(1024, 'x'), byteOffset: 0, byteLength: 1024 }
    small.run('fill', { out: x }, { count: 256, value: 3 })
    small.run('scale', { x, factor: null, out }, { count: 256, hasFactor: 0, alpha: 2 })
    small.memory.release(x.buffer)
    expect(small.idleBytes).toBe(0)
    expect(new Float32Array((await small.download(out)).buffer)).toEqual(new Float32Array(256).fill(6))
    small.dispose()
  })

  it('copies inside one buffer', async () => {
    const x = floats('x', [1, 2, 3, 4])
    device.copy({ ...x, byteLength: 8 }, { ...x, byteOffset: 8, byteLength: 8 })
    expect(await read(x)).toEqual([1, 2, 1, 2])
  })

  it('moves bytes in numbers that are no multiple of 4', async () => {
    const window = allocate(7, 'bytes')
    device.upload(window, new Uint8Array([1, 2, 3, 4, 5, 6, 7]))
    expect(await device.download(window)).toEqual(new Uint8Array([1, 2, 3, 4, 5, 6, 7]))
    expect(await device.download({ ...window, byteOffset: 4, byteLength: 3 })).toEqual(new Uint8Array([5, 6, 7]))
  })

  it('folds more workgroups than one axis takes', async () => {
    const count = 64 * 65535 + 129
    const out = allocate(4 * count, 'out')
    device.run('fill', { out }, { count, value: 7 })
    const values = new Float32Array((await device.download(out)).buffer)
    expect(values.every((value) => value === 7)).toBe(true)
  })
})

describe('memory', () => {
  it('does not grow over 200 repeated runs', async () => {
    const weight = floats(
      'weight',
      Array.from({ length: 256 }, (_, i) => i),
    )
    const step = async (rows: number) => {
      const sum = device.memory.scoped((scope) => {
        const x = allocate(4 * rows * 16, 'x')
        device.upload(x, new Float32Array(rows * 16).fill(1))
        const y = allocate(4 * rows * 16, 'y')
        const size = { m: rows, n: 16, k: 16, pitchA: 16, pitchOut: 16 }
        const params = { ...size, transA: 0, transB: 1, hasBias: 0, accumulate: 0, alpha: 1 }
        device.run('matmul', { a: x, b: weight, bias: null, out: y }, params)
        const total = scope.keep({ ...allocate(4, 'sum') })
        device.run('sum', { x: y, out: total }, { count: rows * 16, accumulate: 0, alpha: 1 })
        return total
      })
      await device.download(sum).finally(() => device.memory.release(sum.buffer))
    }
    for (const rows of [5, 7, 9]) await step(rows)
    const [bytes, buffers, idle] = [device.memory.liveBytes, device.memory.liveBuffers, device.idleBytes]
    for (let i = 0; i < 200; i++) await step(5 + 2 * (i % 3))
    expect([device.memory.liveBytes, device.memory.liveBuffers, device.idleBytes]).toEqual([bytes, buffers, idle])
    expect(buffers).toBe(1)
  })

  it('refuses a buffer over maxBufferSize', () => {
    const limit = device.gpu.limits.maxBufferSize
    expect(() => device.memory.allocate(limit + 4, 'word_embeddings.weight')).toThrow(
      `webgpu: cannot allocate word_embeddings.weight, ${limit + 4} bytes are over this adapter's maxBufferSize of ${limit}`,
    )
  })

  it('does in windows what is over maxStorageBufferBindingSize, and refuses what cannot be cut', async () => {
    // The limit is lowered by asking for none, so that the test needs no buffer of a gigabyte.
    const adapter = await (await testGpu()).requestAdapter()
    if (adapter === null) throw new Error('no adapter')
    const plain = await openWebGpuDevice(await testGpu(), { adapter: withLowerLimit(adapter) })
    const limit = plain.gpu.limits.maxStorageBufferBindingSize
    expect(limit).toBe(134217728)
    const byteLength = limit + 256
    const out = { buffer: plain.memory.allocate(byteLength, 'lm_head.weight'), byteOffset: 0, byteLength }
    const clip = { buffer: plain.memory.allocate(8, 'clip'), byteOffset: 0, byteLength: 8 }
    expect(() => plain.run('clipFactor', { squares: out, clip }, { count: byteLength / 4, maxNorm: 1 })).toThrow(
      'clipFactor: squares (lm_head.weight) has 134217984 bytes, this adapter binds at most 134217728 at once; ' +
        'work on windows of it',
    )
    plain.run('fill', { out }, { count: byteLength / 4, value: 3 })
    const ends = [134217728 - 4, 134217728, byteLength - 4]
    const values = await Promise.all(ends.map((byteOffset) => plain.download({ ...out, byteOffset, byteLength: 4 })))
    expect(values.map((bytes) => new Float32Array(bytes.buffer)[0])).toEqual([3, 3, 3])
    plain.dispose()
  })
})

function withLowerLimit(adapter: GPUAdapter): GPUAdapter {
  return {
    info: adapter.info,
    features: adapter.features,
    limits: { ...limitsOf(adapter), maxStorageBufferBindingSize: 134217728 },
    requestDevice: (descriptor: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  } as unknown as GPUAdapter
}

function limitsOf(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const name in adapter.limits) limits[name] = adapter.limits[name as 'maxBufferSize']
  return limits
}

describe('the adapter', () => {
  it('is opened with all it has of what kernels and measurements profit from', async () => {
    const adapter = await (await testGpu()).requestAdapter()
    for (const feature of ['shader-f16', 'subgroups', 'timestamp-query'] as const) {
      expect(device.gpu.features.has(feature), feature).toBe(adapter?.features.has(feature))
    }
    for (const limit of ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'] as const) {
      expect(device.gpu.limits[limit], limit).toBe(adapter?.limits[limit])
    }
    expect(device.limits).toEqual({ bufferBytes: adapter?.limits.maxBufferSize, freeBytes: null })
  })
})

describe('mistakes', () => {
  it('refuses a cap of bindings that no window can start at', async () => {
    await expect(openWebGpuDevice(await testGpu(), { maxBindingBytes: 1000 })).rejects.toThrow(
      'openWebGpuDevice: maxBindingBytes must be a positive multiple of 256, got 1000',
    )
  })

  it('refuses a window off the 256 byte grid', () => {
    const x = allocate(1024, 'x')
    const out = allocate(8, 'out')
    const window = { ...x, byteOffset: 8, byteLength: 8 }
    expect(() => device.run('scale', { x: window, factor: null, out }, { count: 2, hasFactor: 0, alpha: 1 })).toThrow(
      'scale: x starts at byte 8 of x, not at a multiple of 256',
    )
  })

  it('refuses to read and write one buffer in one kernel', () => {
    const h = allocate(1024, 'hidden')
    const tail = { ...h, byteOffset: 512, byteLength: 512 }
    const head = { ...h, byteLength: 512 }
    expect(() => device.run('gelu', { x: tail, out: head }, { count: 128 })).toThrow(
      'gelu: x and out are both in hidden, and a kernel writes there; copy one first',
    )
  })

  it('refuses a window past the end, a null that is written, and lengths that differ', () => {
    const x = allocate(16, 'x')
    expect(() => device.run('fill', { out: { ...x, byteLength: 20 } }, { count: 5, value: 0 })).toThrow(
      'fill: bytes 0 to 20 are no window of x, which has 16; a window starts at a multiple of 4',
    )
    expect(() => device.upload(x, new Float32Array(3))).toThrow('upload: x takes 16 bytes, given 12')
    expect(() => device.copy(x, allocate(12, 'y'))).toThrow(
      'copy: windows must have one length, a multiple of 4 bytes, x has 16, y 12',
    )
    expect(() => device.run('fill', { out: null as unknown as Binding }, { count: 5, value: 0 })).toThrow(
      'fill: out is written and cannot be null',
    )
  })

  it('refuses a buffer that was freed, also where it knows the bindings', () => {
    const out = allocate(16, 'out')
    device.run('fill', { out }, { count: 4, value: 0 })
    device.memory.release(out.buffer)
    expect(() => device.run('fill', { out }, { count: 4, value: 0 })).toThrow(
      'fill: out has been freed; keep it in its scope',
    )
  })

  it("refuses another device's buffer", async () => {
    const other = await openWebGpuDevice(await testGpu())
    const out = { buffer: other.memory.allocate(16, 'theirs'), byteOffset: 0, byteLength: 16 }
    expect(() => device.run('fill', { out }, { count: 4, value: 0 })).toThrow('fill: theirs has been freed')
    other.dispose()
  })
})

describe('failures', () => {
  it('says so at the next run, settle and download when the device is lost', async () => {
    const out = floats('out', [1])
    await device.settle()
    device.gpu.destroy()
    const sentence =
      /^webgpu: the device was lost \(destroyed.*\); open a new one, load the model again and restore the last checkpoint$/
    await expect(device.download(out)).rejects.toThrow(sentence)
    await expect(device.settle()).rejects.toThrow(sentence)
    expect(() => device.run('fill', { out }, { count: 1, value: 0 })).toThrow(sentence)
    expect(() => device.upload(out, new Float32Array(1))).toThrow(sentence)
    expect(() => device.run('fill', { out }, { count: 1, value: 0 })).toThrow(
      expect.objectContaining({ code: 'device-lost' }),
    )
  })

  it('names the kernels of a batch the adapter refused', async () => {
    const out = floats('out', [1])
    device.run('fill', { out }, { count: 1, value: 0 })
    // A buffer destroyed behind the back of the device makes the whole batch invalid.
    const [block] = Object.values(out.buffer).filter((value) => typeof value === 'object')
    ;(block as { gpu: GPUBuffer }).gpu.destroy()
    await expect(device.settle()).rejects.toThrow(/^fill: the adapter refused work, .*\[Buffer "out"\]/s)
    expect(() => device.run('fill', { out }, { count: 1, value: 0 })).toThrow(/refused work/)
  })

  it('refuses work after dispose', async () => {
    const out = floats('out', [1])
    device.dispose()
    await expect(device.settle()).rejects.toThrow('webgpu: the device was disposed; open a new one')
    expect(() => device.run('fill', { out }, { count: 1, value: 0 })).toThrow('webgpu: the device was disposed')
  })
})

describe('describeAdapter', () => {
  const none = { vendor: '', architecture: '', device: '', description: '' }

  it('names the hardware', () => {
    const info = { ...none, vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA H100 80GB HBM3' }
    expect(describeAdapter(info)).toEqual({
      description: 'WebGPU on NVIDIA H100 80GB HBM3 (nvidia, hopper)',
      isSoftware: false,
    })
    expect(describeAdapter({ ...none, vendor: 'apple', architecture: 'metal-3' }).description).toBe(
      'WebGPU on apple metal-3',
    )
    expect(describeAdapter(none)).toEqual({ description: 'WebGPU on an unnamed adapter', isSoftware: false })
  })

  it.each([
    { ...none, vendor: 'mesa', description: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)' },
    { ...none, vendor: 'google', architecture: 'swiftshader' },
    { ...none, vendor: 'microsoft', description: 'Microsoft Basic Render Driver' },
    { ...none, vendor: 'unknown', isFallbackAdapter: true },
  ])('knows software: $vendor', (info) => {
    expect(describeAdapter(info).isSoftware).toBe(true)
    expect(describeAdapter(info).description).toMatch(/software\)$/)
  })

  it('says that the adapter of these tests is software when it is one', () => {
    expect(device.description).toMatch(/^WebGPU on /)
    expect(device.isSoftware).toBe(/software\)$/.test(device.description))
  })
})
