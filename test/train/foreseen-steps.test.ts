import { expect, it } from 'vitest'
import type { WebGpuOptions } from '../../src/device/webgpu/options.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import type { Example } from '../../src/models/example.ts'
import { keptGpu } from '../device/kept-gpu.ts'
import { collected, oneLayerRun, randomExamples, told, trainedNumbers } from './tiny-run.ts'

/** Trains ten steps with dropout and a learning rate that falls. */
async function train(examples: readonly Example[], options: WebGpuOptions) {
  const device = await openWebGpuDevice(await keptGpu(), options)
  const run = oneLayerRun(device, examples, { batchSize: 1, maxSteps: 10, loggingSteps: 1 })
  const reports = (await collected(run)).map(told)
  const trained = await trainedNumbers(run.model)
  const { batchesForeseen } = device
  device.dispose()
  return { reports, trained, batchesForeseen }
}

it('steps whose commands were ready before their calls came to the same bits, whatever comes between', async () => {
  const some = randomExamples(16)
  const examples = [...some.filter(({ inputIds }) => inputIds.length === 4), ...some.slice(1, 2)]
  const [foreseen, plain] = [await train(examples, {}), await train(examples, { profile: true })]
  expect(foreseen.batchesForeseen).toBeGreaterThan(0)
  expect(foreseen.batchesForeseen).toBeLessThan(8)
  expect(plain.batchesForeseen).toBe(0)
  expect(foreseen.reports).toEqual(plain.reports)
  expect(foreseen.trained).toEqual(plain.trained)
})
