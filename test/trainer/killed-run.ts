/**
 * A training of a tiny model, for a test that kills it: `killed-run FOLDER STEPS`. It goes on from what is in the
 * folder, and says each step.
 */
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { Trainer } from '../../src/trainer/trainer.ts'
import { adaptedFalcon, randomExamples } from '../train/tiny-run.ts'

const [outputDir = '', steps = ''] = process.argv.slice(2)
const device = await openCpuDevice({ threads: 1 })
const { model } = await adaptedFalcon(device)
const trainer = new Trainer(model, randomExamples(12), {
  ...{ outputDir, maxSteps: Number(steps), batchSize: 3, learningRate: 0.01, seed: 7 },
  ...{ saveSteps: 2, saveTotalLimit: 3, evalDataset: randomExamples(17).slice(12), evalSteps: 3 },
  resumeFromCheckpoint: true,
  callbacks: [
    {
      name: 'told',
      onTrainBegin: ({ step }) => console.log(`begins at ${step}`),
      onWarning: (text) => console.log(text),
    },
  ],
})
const { trainLoss, best } = await trainer.train()
console.log(JSON.stringify({ trainLoss, best }))
process.exit(0)
