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

function floats(label: string, values: readonly number[]): Binding {
  const window = allocate(4 * values.length, label)
  device.upload(window, new Float32Array(values))
  return window
}

async function read(window: Binding): Promise<number[]> {
  return [...new Float32Array((await device.download(window)).buffer)]
}

/** total += share · (x + x), for x of `count` numbers, by way of a copy. @returns the total. */
async function step(total: Binding, share: number, count = 2): Promise<number[]> {
  const scope = device.memory.open()
  const x = floats('x', [1, 2, 3, 4].slice(0, count))
  const [sum, copy] = [allocate(4 * count, 'sum'), allocate(4 * count, 'copy')]
  const [factor, scaled] = [allocate(4, 'factor'), allocate(4 * count, 'scaled')]
  device.run('add', { a: x, b: x, out: sum }, { count, alpha: 1 })
  device.copy(sum, copy)
  device.run('fill', { out: factor }, { count: 1, value: share })
  device.run('scale', { x: copy, factor, out: scaled }, { count, hasFactor: 1, alpha: 1 })
  device.run('accumulate', { x: scaled, target: total }, { count, alpha: 1 })
  scope.close()
  return read(total)
}

describe('commands of a step like the one before', () => {
  it('are ready before its calls, and give the same', async () => {
    await open()
    const total = floats('total', [0, 0, 0, 0])
    for (let i = 1; i <= 6; i++) expect(await step(total, 1)).toEqual([2 * i, 4 * i, 0, 0])
    expect(device.batchesForeseen).toBe(4)
  })

  it('take parameters that vary from the calls themselves', async () => {
    await open()
    const total = floats('total', [0, 0])
    const shares = [1, 1, 1, 0.5, 0.25, 2]
    const totals: (number[] | undefined)[] = []
    for (const share of shares) totals.push(await step(total, share))
    expect(totals.map((values) => values?.[0])).toEqual([2, 4, 6, 7, 7.5, 11.5])
    expect(device.batchesForeseen).toBe(4)
  })

  it('take whole numbers that vary from the calls as well, as the seeds of dropout do', async () => {
    await open()
    const [x, out] = [
      floats(
        'x',
        Array.from({ length: 64 }, () => 1),
      ),
      allocate(256, 'out'),
    ]
    const dropped = (seed: number) => {
      device.run('dropout', { x, out }, { count: 64, first: 0, seed, threshold: 2 ** 31, scale: 2 })
      return read(out)
    }
    const [seeds, results]: [number[], number[][]] = [[1, 2, 3, 1, 2, 3], []]
    for (const seed of seeds) results.push(await dropped(seed))
    expect(device.batchesForeseen).toBe(4)
    expect(results.slice(3)).toEqual(results.slice(0, 3))
    expect(new Set(results.map(String)).size).toBe(3)
  })

  it('see a parameter that stays with its plan', async () => {
    await open()
    const [x, out] = [floats('x', [1]), floats('out', [0])]
    const totals: number[][] = []
    for (const alpha of [1, 1, 1, 1, 5, 1]) {
      device.run('accumulate', { x, target: out }, { count: 1, alpha })
      totals.push(await read(out))
    }
    expect(totals.flat()).toEqual([1, 2, 3, 4, 9, 10])
    expect(device.batchesForeseen).toBe(2)
  })

  it('go before what is new behind them', async () => {
    await open()
    const total = floats('total', [0, 0])
    for (let i = 0; i < 3; i++) await step(total, 1)
    const x = floats('x', [1, 2])
    device.run('accumulate', { x, target: total }, { count: 2, alpha: 1 })
    expect(await read(total)).toEqual([7, 14])
    device.memory.release(x.buffer)
    expect(await step(total, 1)).toEqual([9, 18])
  })

  it('are not used for a step of another shape, on other buffers, or that ends before', async () => {
    await open()
    const [total, other] = [floats('total', [0, 0, 0]), floats('other', [0, 0, 0])]
    const three = async () => {
      for (let i = 0; i < 3; i++) await step(total, 1)
    }
    await three()
    const before = device.batchesForeseen
    expect(await step(total, 1, 3)).toEqual([8, 16, 6])
    await three()
    expect(await step(other, 1)).toEqual([2, 4, 0])
    await three()
    device.run('fill', { out: total }, { count: 3, value: 5 })
    expect(await read(total)).toEqual([5, 5, 5])
    expect(await step(total, 1)).toEqual([7, 9, 5])
    expect(await read(other)).toEqual([2, 4, 0])
    expect(device.batchesForeseen).toBe(before + 2)
  })

  it('are not made while more is queued than waited for', async () => {
    await open()
    const total = floats('total', [0, 0])
    const reads: Promise<number[]>[] = []
    for (let i = 0; i < 6; i++) reads.push(step(total, 1))
    expect(await Promise.all(reads)).toEqual([1, 2, 3, 4, 5, 6].map((i) => [2 * i, 4 * i]))
    expect(device.batchesForeseen).toBe(0)
  })

  it('are dropped when a buffer is destroyed, which they do not keep alive', async () => {
    await open({ idleBytes: 512 })
    const total = floats('total', [0, 0])
    for (let i = 1; i <= 4; i++) expect(await step(total, 1)).toEqual([2 * i, 4 * i])
    expect(device.idleBytes).toBeLessThanOrEqual(512)
    expect(device.batchesForeseen).toBe(0)
  })

  it('are dropped when one of theirs is destroyed while they are ready', async () => {
    await open({ idleBytes: 1280 })
    const total = floats('total', [0, 0])
    for (let i = 1; i <= 3; i++) await step(total, 1)
    expect(device.batchesForeseen).toBe(1)
    // More than the pool may hold: it lets go of those of the step, the longest idle.
    device.memory.release(allocate(1280, 'large').buffer)
    expect(await step(total, 1)).toEqual([8, 16])
    expect(device.batchesForeseen).toBe(1)
  })

  it('are not made where dispatches are measured', async () => {
    await open({ profile: true })
    const total = floats('total', [0, 0])
    for (let i = 1; i <= 4; i++) expect(await step(total, 1)).toEqual([2 * i, 4 * i])
    expect(device.batchesForeseen).toBe(0)
  })

  it('do not hide that the device is lost', async () => {
    await open()
    const total = floats('total', [0, 0])
    for (let i = 0; i < 4; i++) await step(total, 1)
    device.gpu.destroy()
    await expect(step(total, 1)).rejects.toThrow('webgpu: the device was lost')
  })

  it('may be made on a device that is just being lost', async () => {
    await open()
    const total = floats('total', [0, 0])
    for (let i = 0; i < 4; i++) await step(total, 1)
    const pending = step(total, 1)
    device.gpu.destroy()
    await expect(pending).rejects.toThrow('webgpu: the device was lost')
  })

  it('are not made by a device that is disposed meanwhile', async () => {
    await open()
    const total = floats('total', [0, 0])
    for (let i = 0; i < 4; i++) await step(total, 1)
    const pending = step(total, 1)
    device.dispose()
    await expect(pending).rejects.toThrow('webgpu: the device was disposed')
  })
})
