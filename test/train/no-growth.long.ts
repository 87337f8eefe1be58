import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, expect, it } from 'vitest'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { testGpu } from '../device/test-gpu.ts'
import { oneLayerRun, randomExamples } from './tiny-run.ts'

const device = await openWebGpuDevice(await testGpu())
afterAll(() => device.dispose())

/** Steps after which every shape has been met. */
const warm = 1000
/**
 * Most that a process may grow by in the steps after: a buffer of 4 KiB kept at each of its 50 kernels would be 137
 * MiB.
 */
const mostGrowth = 24 * 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the process without what V8 sets aside for garbage to come, which it does as it likes. */
async function bytesInUse(): Promise<number> {
  collectGarbage()
  // What GPU objects hold goes in a later turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const { rss, heapTotal, heapUsed } = process.memoryUsage()
  return rss - heapTotal + heapUsed
}

it('does not grow over 1,000 steps', { timeout: 600_000 }, async () => {
  const run = oneLayerRun(device, randomExamples(6), { batchSize: 2, maxSteps: warm + 1000, learningRate: 1e-3 })
  const count = () => ({
    liveBuffers: device.memory.liveBuffers,
    liveBytes: device.memory.liveBytes,
    idleBytes: device.idleBytes,
    bindGroups: device.bindGroups,
  })
  let before = count()
  let inUse = 0
  for await (const { step } of run) {
    if (step === warm) [before, inUse] = [count(), await bytesInUse()]
    if (step > warm && step % 100 === 0) expect(count()).toEqual(before)
  }
  expect(run.step).toBe(warm + 1000)
  expect(before.bindGroups).toBeGreaterThan(0)
  expect((await bytesInUse()) - inUse).toBeLessThan(mostGrowth)
  run.dispose()
})
