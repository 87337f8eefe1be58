import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Binding, Device } from '../../src/device/device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { testGpu } from './test-gpu.ts'

/** What a caller in plain JavaScript can do to a device. */
type Mistake = (device: Device, window: (bytes: number, label?: string) => Binding) => unknown

const add = { count: 4, alpha: 1 }
const wrong = (value: unknown) => value as never

const mistakes: Readonly<Record<string, Mistake>> = {
  'upload too long': (device, window) => device.upload(window(16), new Float32Array(8)),
  'upload too short': (device, window) => device.upload(window(16), new Float32Array(2)),
  'upload past the end': (device, window) => {
    device.upload({ ...window(16), byteOffset: 256 }, new Float32Array(4))
  },
  'upload of no bytes at all': (device, window) => device.upload(window(16), wrong(null)),
  'upload into a freed buffer': (device, window) => {
    const freed = window(16)
    device.memory.release(freed.buffer)
    device.upload(freed, new Float32Array(4))
  },
  'download of a freed buffer': (device, window) => {
    const freed = window(16)
    device.memory.release(freed.buffer)
    return device.download(freed)
  },
  'download into too little room': (device, window) => device.download(window(16), new Uint8Array(8)),
  'download into what takes no bytes': (device, window) => device.download(window(16), wrong([])),
  'download past the end': (device, window) => device.download({ ...window(16), byteLength: 4096 }),
  'copy between windows of other lengths': (device, window) => device.copy(window(16), window(32)),
  'copy from a freed buffer': (device, window) => {
    const freed = window(16)
    device.memory.release(freed.buffer)
    device.copy(freed, window(16))
  },
  'a kernel that there is not': (device, window) => {
    device.run(wrong('addd'), wrong({ a: window(16), b: window(16), out: window(16) }), wrong(add))
  },
  'a kernel on a freed buffer': (device, window) => {
    const freed = window(16)
    device.memory.release(freed.buffer)
    device.run('add', { a: freed, b: window(16), out: window(16) }, add)
  },
  'a kernel without what it writes': (device, window) => {
    device.run('add', wrong({ a: window(16), b: window(16), out: null }), add)
  },
  'a kernel on a window past the end': (device, window) => {
    device.run('add', { a: { ...window(16), byteLength: 1024 }, b: window(16), out: window(16) }, add)
  },
  'a kernel that reads what it writes': (device, window) => {
    const both = window(16)
    device.run('add', { a: both, b: window(16), out: both }, add)
  },
  'a buffer of a negative length': (device) => device.memory.allocate(-4, 'x'),
  'a buffer of a part of a byte': (device) => device.memory.allocate(1.5, 'x'),
  'a buffer beyond all memory': (device) => device.memory.allocate(2 ** 50, 'x'),
  'a scope over a promise': (device) => device.memory.scoped(() => Promise.resolve()),
  "another device's buffer": (device) => {
    const buffer = { byteLength: 16, label: 'elsewhere', writes: 0, owner: null }
    device.upload({ buffer, byteOffset: 0, byteLength: 16 }, new Float32Array(4))
  },
}

describe('the same mistake', () => {
  let devices: Device[]
  beforeAll(async () => {
    devices = [await openCpuDevice({ threads: 1 }), await openWebGpuDevice(await testGpu())]
  })
  afterAll(() => {
    for (const device of devices) device.dispose()
  })

  /** The code a device answers with, or what else it does. */
  async function answer(device: Device, mistake: Mistake): Promise<string> {
    const window = (bytes: number, label = 'window'): Binding => {
      return { buffer: device.memory.allocate(bytes, label), byteOffset: 0, byteLength: bytes }
    }
    try {
      await mistake(device, window)
    } catch (error) {
      return error instanceof MedAwareError ? error.code : `not ours: ${String(error)}`
    }
    return 'nothing'
  }

  it.each(Object.entries(mistakes))('has the same code on both engines: %s', async (_, mistake) => {
    const codes = await Promise.all(devices.map((device) => answer(device, mistake)))
    expect(codes[1]).toBe(codes[0])
    expect(codes[0]).toMatch(/^(shape|device|config|memory|unsupported|not-found)$/)
  })

  it('has the same code after dispose', async () => {
    const buffers: Binding[] = []
    const disposed = [await openCpuDevice({ threads: 1 }), await openWebGpuDevice(await testGpu())]
    for (const device of disposed) {
      buffers.push({ buffer: device.memory.allocate(16, 'x'), byteOffset: 0, byteLength: 16 })
      device.dispose()
    }
    const uses: ((device: Device, x: Binding) => unknown)[] = [
      (device, x) => device.upload(x, new Float32Array(4)),
      (device, x) => device.download(x),
      (device, x) => device.copy(x, x),
      (device, x) => device.run('fill', { out: x }, { count: 4, value: 0 }),
    ]
    for (const use of uses) {
      const codes = await Promise.all(disposed.map((device, i) => answer(device, () => use(device, buffers[i]!))))
      expect(codes).toEqual(['device', 'device'])
    }
  })
})
