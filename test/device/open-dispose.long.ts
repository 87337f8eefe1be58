import { expect, it } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { testGpu } from './test-gpu.ts'

/** Does a little on a device, and disposes of it. */
async function use(device: Device): Promise<void> {
  const out = { buffer: device.memory.allocate(2 ** 20, 'out'), byteOffset: 0, byteLength: 2 ** 20 }
  device.run('fill', { out }, { count: 2 ** 18, value: 3 })
  const [first] = new Float32Array((await device.download(out)).buffer)
  expect(first).toBe(3)
  device.dispose()
}

const gpu = await testGpu()

it.each<[string, () => Promise<Device>]>([
  ['CPU', () => openCpuDevice({ threads: 2 })],
  ['WebGPU', () => openWebGpuDevice(gpu)],
])('60 devices of the %s engine, one after another, leave nothing behind', { timeout: 300_000 }, async (_, open) => {
  for (let round = 0; round < 10; round++) await use(await open())
  const before = process.memoryUsage().rss
  for (let round = 0; round < 60; round++) await use(await open())
  // An engine kept each round would be its code, its threads and a megabyte: far more than this.
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20)
})
