import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Device } from '../../src/device/device.ts'
import { Trainer } from '../../src/trainer/trainer.ts'
import { adaptedFalcon, randomExamples } from '../train/tiny-run.ts'

const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
log = EventAccumulator(sys.argv[1])
log.Reload()
read = {tag: [[event.step, event.value] for event in log.Scalars(tag)] for tag in log.Tags()["scalars"]}
print(json.dumps(read))
`

/**
 * What TensorBoard reads of an event file that a run kept, stopped in its midst and gone on with; each line is a fault.
 */
export async function eventFileProblems(python: string, device: Device): Promise<string[]> {
  const outputDir = mkdtempSync(join(tmpdir(), 'peft-medaware-events-'))
  const train = async (stopAt: number, resumeFromCheckpoint: boolean) => {
    const { model, dispose } = await adaptedFalcon(device)
    const trainer = new Trainer(model, randomExamples(6), {
      ...{ maxSteps: 9, batchSize: 2, loggingSteps: 1, saveSteps: 2, evalDataset: randomExamples(2), evalSteps: 3 },
      ...{ outputDir, reportTo: 'tensorboard', resumeFromCheckpoint },
      callbacks: [
        {
          name: 'stop',
          onStepEnd: ({ step }) => {
            if (step === stopAt) throw new Error('stopped')
          },
        },
      ],
    })
    try {
      await trainer.train()
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'stopped') throw error
    } finally {
      trainer.dispose()
      dispose()
    }
    return trainer.state
  }
  try {
    await train(5, false)
    const { training, evaluation } = await train(Infinity, true)
    const { stdout } = await promisify(execFile)(python, ['-c', script, outputDir])
    const read = JSON.parse(stdout) as Record<string, [number, number][]>
    const expected = {
      'train/loss': training.map(({ step, loss }) => [step, loss]),
      'train/grad_norm': training.map(({ step, gradNorm }) => [step, gradNorm]),
      'train/learning_rate': training.map(({ step, learningRate }) => [step, learningRate]),
      'train/epoch': training.map(({ step, epoch }) => [step, epoch]),
      'eval/loss': evaluation.map(({ step, metrics }) => [step, metrics['evalLoss'] ?? NaN]),
    }
    return Object.entries(expected).flatMap(([tag, points]) => {
      const rounded = points.map((point) => point.map(Math.fround))
      const there = JSON.stringify(read[tag]?.map((point) => point.map(Math.fround)))
      return there === JSON.stringify(rounded) ? [] : [`${tag} is ${there}, not ${JSON.stringify(rounded)}`]
    })
  } finally {
    rmSync(outputDir, { recursive: true })
  }
}
