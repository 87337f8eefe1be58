import { requestGpu } from '#platform'
import { afterEach, describe, expect, it } from 'vitest'
import { openDevice } from '../../../src/device/open-device.ts'
import type { Device } from '../../../src/device/device.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuOptions } from '../../../src/device/webgpu/options.ts'
import { testGpu } from '../test-gpu.ts'

let device: Device | null = null
afterEach(() => device?.dispose())
const open = async (webgpu: WebGpuOptions) => (device = (await openDevice({ device: 'webgpu', webgpu })).device)

const side = 96
const sizes = { m: side, n: side, k: side, pitchA: side, pitchOut: side }

async function work(on: Device, products: number): Promise<void> {
  const matrix = (label: string) => {
    const byteLength = 4 * side * side
    return { buffer: on.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
  }
  const [a, b, out] = [matrix('a'), matrix('b'), matrix('out')]
  for (const each of [a, b]) on.run('fill', { out: each }, { count: side * side, value: 0.5 })
  for (let i = 0; i < products; i++) {
    const params = { ...sizes, transA: 0, transB: 1, hasBias: 0, accumulate: 0, alpha: 1 }
    on.run('matmul', { a, b, bias: null, out }, params)
  }
  const values = new Float32Array((await on.download(out)).buffer)
  expect(new Set(values)).toEqual(new Set([side / 4]))
}

describe('profile', () => {
  it('counts every kernel, over batches, and times it in nanoseconds', async () => {
    const { profile } = await open({ profile: true, flushEvery: 8 })
    if (device === null || profile === null) throw new Error('no profile')
    await work(device, 20)
    const costs = new Map(profile.costs().map((cost) => [cost.name, cost]))
    expect(costs.get('matmul')).toMatchObject({ calls: 20, operations: 20 * 2 * side ** 3 })
    expect(costs.get('fill')?.calls).toBe(2)
    const { milliseconds = 0 } = costs.get('matmul') ?? {}
    expect(milliseconds).toBeGreaterThan(0)
    expect(profile.table(2 * milliseconds)).toMatch(/^ {2}matmul +20 /m)
    profile.reset()
    await device.settle()
    expect(profile.costs()).toEqual([])
  })

  it('times kernels more finely than Dawn does unasked', async () => {
    const { profile } = await open({ profile: true })
    if (device === null || profile === null) throw new Error('no profile')
    await work(device, 3)
    const nanoseconds = profile.costs().map(({ milliseconds }) => Math.round(1e6 * milliseconds))
    expect(nanoseconds.some((each) => each % 65536 !== 0)).toBe(true)
  })

  it('is null unless asked for, and refused without timestamps', async () => {
    expect((await open({})).profile).toBeNull()
    const adapter = await (await testGpu()).requestAdapter()
    if (adapter === null) throw new Error('no adapter')
    Object.defineProperty(adapter, 'features', { value: new Set() })
    await expect(openWebGpuDevice(await testGpu(), { adapter, profile: true })).rejects.toMatchObject({
      code: 'unsupported',
      message:
        'webgpu: profile needs timestamps, and this adapter or browser has no timestamp-query; leave profile out',
    })
  })

  it('comes from a Dawn of its own, which is kept', async () => {
    const exact = await requestGpu({ exactTimestamps: true })
    expect(await requestGpu({ exactTimestamps: true })).toBe(exact)
    expect(await requestGpu()).not.toBe(exact)
  })
})
