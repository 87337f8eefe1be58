import { afterAll, expect, it } from 'vitest'
import { openWebGpuDevice } from '../../src/device/webgpu.ts'
import { testGpu } from '../device/test-gpu.ts'
import { oneLayerRun, randomExamples } from './tiny-run.ts'

const device = await openWebGpuDevice(await testGpu())
afterAll(() => device.dispose())

/** Steps after which every shape has been met, and the JavaScript heap has its size. */
const warm = 300
/** Most that a process may grow by in 700 steps: a buffer of 4 KiB kept at each of its 50 kernels would be 137 MiB. */
const mostGrowth = 24 * 2 ** 20

it('does not grow over 1,000 steps', { timeout: 600_000 }, async () => {
  const run = oneLayerRun(device, randomExamples(6), { batchSize: 2, maxSteps: 1000, learningRate: 1e-3 })
  const count = () => ({
    liveBuffers: device.memory.liveBuffers,
    liveBytes: device.memory.liveBytes,
    idleBytes: device.idleBytes,
    bindGroups: device.bindGroups,
  })
  let before = count()
  let resident = 0
  for await (const { step } of run) {
    if (step === warm) [before, resident] = [count(), process.memoryUsage.rss()]
    if (step > warm && step % 100 === 0) expect(count()).toEqual(before)
  }
  expect(run.step).toBe(1000)
  expect(before.bindGroups).toBeGreaterThan(0)
  expect(process.memoryUsage.rss() - resident).toBeLessThan(mostGrowth)
  run.dispose()
})
