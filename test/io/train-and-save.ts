import { existsSync } from 'node:fs'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { restoreRun, saveRun } from '../../src/io/checkpoint-folder.ts'
import { checkpointFileNames } from '../../src/train/checkpoint.ts'
import { randomExamples, tinyRun } from '../train/tiny-run.ts'

/** A program that trains, saves after every step, and goes on from what is there: `train-and-save.ts FOLDER STEPS`. */
const [folder = '', steps = ''] = process.argv.slice(2)
const device = await openCpuDevice({ build: 'simd', threads: 1 })
const { run } = await tinyRun(device, randomExamples(10), {
  ...{ batchSize: 2, maxSteps: Number(steps), learningRate: 0.01, schedule: 'cosine' as const, warmup: 2 },
})
if (existsSync(`${folder}/${checkpointFileNames.tensors}`)) await restoreRun(run, folder)
console.log(`from ${run.step}`)
for await (const { step } of run) {
  await saveRun(run, folder)
  console.log(`saved ${step}`)
}
device.dispose()
