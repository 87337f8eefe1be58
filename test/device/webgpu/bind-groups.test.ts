import { afterEach, describe, expect, it } from 'vitest'
import type { Binding } from '../../../src/device/device.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuOptions } from '../../../src/device/webgpu/options.ts'
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts'
import { keptGpu } from '../kept-gpu.ts'

let device: WebGpuDevice
const open = async (options: WebGpuOptions = {}) => (device = await openWebGpuDevice(await keptGpu(), options))
afterEach(() => device.dispose())

function allocate(byteLength: number, label: string): Binding {
  return { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
}

/** out = 2 x, on two new buffers, which are then released in an order. */
function double(released: 'x first' | 'out first', count = 64): void {
  const [x, out] = [allocate(4 * count, 'x'), allocate(4 * count, 'out')]
  device.run('fill', { out: x }, { count, value: 1 })
  device.run('scale', { x, factor: null, out }, { count, hasFactor: 0, alpha: 2 })
  for (const { buffer } of released === 'x first' ? [x, out] : [out, x]) device.memory.release(buffer)
}

describe('bind groups', () => {
  it('are found again, in whatever order buffers were released', async () => {
    await open()
    double('x first')
    expect(device.bindGroups).toBe(2)
    for (let i = 0; i < 10; i++) double(i % 3 === 0 ? 'x first' : 'out first')
    expect(device.bindGroups).toBe(2)
    const before = allocate(256, 'between')
    double('x first')
    expect(device.bindGroups).toBe(4)
    device.memory.release(before.buffer)
    double('x first')
    expect(device.bindGroups).toBe(4)
    await device.settle()
  })

  it('go with the buffers they bind', async () => {
    await open({ idleBytes: 256 })
    double('x first')
    // One buffer of 256 bytes stays, and what binds it alone.
    expect([device.idleBytes, device.bindGroups]).toEqual([256, 0])
    double('out first')
    expect([device.idleBytes, device.bindGroups]).toEqual([256, 1])
    await device.settle()
    const out = allocate(256, 'out')
    device.run('fill', { out }, { count: 64, value: 3 })
    expect(new Float32Array((await device.download(out)).buffer)).toEqual(new Float32Array(64).fill(3))
  })

  it('tell windows of one buffer apart', async () => {
    await open()
    const x = allocate(1024, 'x')
    const window = (i: number) => ({ ...x, byteOffset: 256 * i, byteLength: 256 })
    for (let i = 0; i < 8; i++) device.run('fill', { out: window(i % 4) }, { count: 64, value: i })
    device.run('fill', { out: { ...window(0), byteLength: 4 } }, { count: 1, value: 9 })
    expect(device.bindGroups).toBe(5)
    const values = new Float32Array((await device.download(x)).buffer)
    expect([0, 1, 64, 128, 192].map((at) => values[at])).toEqual([9, 4, 5, 6, 7])
  })

  it('find the parameters of their own call, however many different ones are queued', async () => {
    await open({ flushEvery: 8192 })
    const calls = 5000
    const [x, out] = [allocate(4, 'x'), allocate(256 * calls, 'out')]
    device.run('fill', { out: x }, { count: 1, value: 1 })
    for (let i = 0; i < calls; i++) {
      const window = { ...out, byteOffset: 256 * i, byteLength: 4 }
      device.run('scale', { x, factor: null, out: window }, { count: 1, hasFactor: 0, alpha: i + 0.5 })
    }
    const values = new Float32Array((await device.download(out)).buffer)
    expect(values.filter((_, i) => i % 64 === 0)).toEqual(Float32Array.from({ length: calls }, (_, i) => i + 0.5))
  })

  /** total = Σ of a row's numbers, one by one. */
  async function sumOf(total: Binding, windows: readonly Binding[], alphas: readonly number[]): Promise<number> {
    device.run('fill', { out: total }, { count: 1, value: 0 })
    for (const [i, x] of windows.entries()) {
      device.run('accumulate', { x, target: total }, { count: 1, alpha: alphas[i] ?? 1 })
    }
    return new Float32Array((await device.download(total)).buffer)[0] ?? NaN
  }

  it('are those of the call itself, where all but one of a row of calls were made before', async () => {
    await open()
    const windows = [1, 10, 100, 1000].map((value) => {
      const x = allocate(4, `x${value}`)
      device.upload(x, new Float32Array([value]))
      return x
    })
    const [total, other] = [allocate(4, 'total'), allocate(4, 'other')]
    for (let i = 0; i < 4; i++) expect(await sumOf(total, windows, [1, 1, 1, 1])).toBe(1111)
    expect(await sumOf(total, windows, [1, 1, 3, 1])).toBe(1311)
    expect(await sumOf(total, windows.toReversed(), [1, 1, 1, 1])).toBe(1111)
    expect(await sumOf(other, windows, [1, 1, 1, 1])).toBe(1111)
    expect(await sumOf(total, windows, [1, 1, 1, 2])).toBe(2111)
    expect(await sumOf(total, windows.slice(1), [1, 1, 1, 1])).toBe(1110)
    expect(await sumOf(total, windows, [1, 1, 1, 1])).toBe(1111)
  })

  it('are not recalled for a buffer that has been freed, nor for another on its memory', async () => {
    await open()
    const [x, total] = [allocate(4, 'x'), allocate(4, 'total')]
    device.upload(x, new Float32Array([7]))
    for (let i = 0; i < 4; i++) expect(await sumOf(total, [x], [1])).toBe(7)
    device.memory.release(x.buffer)
    await expect(sumOf(total, [x], [1])).rejects.toThrow('accumulate: x has been freed; keep it in its scope')
    const again = allocate(4, 'again')
    device.upload(again, new Float32Array([8]))
    expect(await sumOf(total, [again], [1])).toBe(8)
  })

  it('go when their plans are forgotten, whose parameters others then overwrite', async () => {
    await open()
    const [x, total, out] = [allocate(4, 'x'), allocate(4, 'total'), allocate(4, 'out')]
    device.upload(x, new Float32Array([2]))
    for (let i = 0; i < 4; i++) expect(await sumOf(total, [x, x], [1, 3])).toBe(8)
    for (let i = 0; i < 4200; i++) {
      device.run('scale', { x, factor: null, out }, { count: 1, hasFactor: 0, alpha: i + 0.5 })
    }
    const { bindGroups } = device
    for (let i = 0; i < 4; i++) expect(await sumOf(total, [x, x], [1, 3])).toBe(8)
    expect(bindGroups).toBeLessThan(4200)
  })
})

describe('the pool', () => {
  it('keeps by itself no more than was live at one time, 256 MiB at least', async () => {
    await open()
    const mebibytes = (count: number) => Array.from({ length: count }, () => allocate(2 ** 20, 'x').buffer)
    const large = () => allocate(300 * 2 ** 20, 'large').buffer
    const first = large()
    device.memory.release(first)
    expect(device.idleBytes).toBe(roundedUp(300 * 2 ** 20))
    const small = mebibytes(60)
    expect(device.idleBytes + 60 * 2 ** 20).toBeLessThanOrEqual(roundedUp(300 * 2 ** 20))
    for (const buffer of small) device.memory.release(buffer)
    expect(device.idleBytes).toBe(60 * 2 ** 20)
  })
})

/** To an eighth of 256 MiB. */
function roundedUp(bytes: number): number {
  const step = 2 ** 25
  return Math.ceil(bytes / step) * step
}
