import { expect, it } from 'vitest'
import { selfTest } from '../../src/device/self-test/self-test.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { testGpu } from './test-gpu.ts'

it('a self-test passes on this adapter with all of its programs, and leaves nothing behind', async () => {
  const device = await openWebGpuDevice(await testGpu())
  const report = await selfTest(device)
  expect(report.failures).toEqual([])
  expect(report.programs).toBe([...device.programs.all.values()].flat().length)
  expect(report.calls).toBeGreaterThan(report.programs)
  expect(device.memory.liveBytes).toBe(0)
  expect(device.tuning).toEqual({})
  await device.settle()
  device.dispose()
  // llvmpipe compiles each of its programs for a second.
}, 600_000)
