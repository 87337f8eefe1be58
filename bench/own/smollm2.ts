// QLoRA steps of SmolLM2 with peft-medaware, from the folder that smollm2.ts of the folder above writes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CpuBuild, openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { openAdapter } from '../../src/io/adapter-folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { serveSteps } from '../serve-steps.ts'

const [folder = '', build = 'simd'] = process.argv.slice(2)
const inputIds = Int32Array.from(JSON.parse(readFileSync(join(folder, 'ids.json'), 'utf8')) as number[])
const device = await openCpuDevice({ build: build as CpuBuild, profile: true })
const { model } = await loadModel(join(folder, 'base'), { device })
await openAdapter(model, join(folder, 'adapter'), { device, trainable: true })
const run = new TrainingRun(model, [{ inputIds, labels: inputIds }], {
  ...{ batchSize: 1, maxSteps: 100_000, learningRate: 2e-4, schedule: 'constant', weightDecay: 0, maxGradNorm: 1 },
})
const steps = run[Symbol.asyncIterator]()
const step = async () => {
  const { value, done } = await steps.next()
  if (done === true) throw new Error('the run has ended')
  return value.loss
}
await serveSteps({}, step, device)
