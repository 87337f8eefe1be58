import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { type FileContents, runStore } from '../../src/io/runs/run-store.ts'
import { Trainer, type TrainResult } from '../../src/trainer/trainer.ts'
import type { TrainerCallback } from '../../src/trainer/trainer-callback.ts'
import type { TrainerOptions } from '../../src/trainer/trainer-options.ts'
import { adaptedFalcon, randomExamples, told, trainedNumbers } from '../train/tiny-run.ts'

const examples = randomExamples(12)
const evalDataset = randomExamples(17).slice(12)
const base: TrainerOptions = { maxSteps: 12, batchSize: 3, learningRate: 0.01, seed: 7, loggingSteps: 1 }
let device: Device
let folder: string

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'trainer-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

interface Trained {
  readonly result: TrainResult
  readonly trainer: Trainer
  readonly numbers: Float32Array[]
}

/** Trains a fresh tiny model, and gives what came of it. */
async function trained(options: TrainerOptions): Promise<Trained> {
  const { model, dispose } = await adaptedFalcon(device)
  const trainer = new Trainer(model, examples, { ...base, ...options })
  try {
    const result = await trainer.train()
    return { result, trainer, numbers: await trainedNumbers(model) }
  } finally {
    trainer.dispose()
    dispose()
  }
}

/** A promise, and what resolves it. */
function deferred() {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve: () => resolve() }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A callback that throws at a step, as a program that is killed there. */
function killedAt(step: number): TrainerCallback {
  return {
    name: 'killed',
    onStepEnd: (report) => {
      if (report.step === step) throw new Error('killed')
    },
  }
}

test('an adapter that is saved as it began is told', async () => {
  const warned: string[] = []
  const onWarning = (message: string) => void warned.push(message)
  const said = 'adapterFiles: nothing has trained the adapter since it was attached; what is saved is its start'
  // The first rate of a warm-up is 0.
  const options = {
    maxSteps: 2,
    warmupSteps: 2,
    saveStrategy: 'no',
    outputDir: join(folder, 'untrained'),
    onWarning,
  } as const
  const stop: TrainerCallback = {
    name: 'stop',
    onStepEnd: (_, __, control) => void (control.shouldTrainingStop = true),
  }
  await trained({ ...options, callbacks: [stop] })
  expect(warned).toContain(said)
  warned.length = 0
  await trained(options)
  expect(warned).not.toContain(said)
})

describe('checkpoints', () => {
  test.each([1, 4])('a run that is killed at any step goes on bit for bit, loggingSteps %i', async (loggingSteps) => {
    const options = { loggingSteps, evalDataset, evalSteps: 3, saveSteps: 2 }
    const whole = await trained({ ...options, outputDir: join(folder, `whole-${loggingSteps}`) })
    for (const step of [1, 5, 9]) {
      const outputDir = join(folder, `killed-${step}-${loggingSteps}`)
      const killed = trained({ ...options, outputDir, callbacks: [killedAt(step)] })
      await expect(killed).rejects.toThrow('killed')
      const resumed = await trained({ ...options, outputDir, resumeFromCheckpoint: true })
      expect(resumed.numbers).toEqual(whole.numbers)
      expect(resumed.trainer.state.training.map(told)).toEqual(whole.trainer.state.training.map(told))
      const losses = ({ trainer }: Trained) =>
        trainer.state.evaluation.map((entry) => [entry.step, entry.metrics['evalLoss']])
      expect(losses(resumed)).toEqual(losses(whole))
      expect(resumed.result.trainLoss).toBe(whole.result.trainLoss)
      expect(resumed.result.best).toEqual(whole.result.best)
    }
  })

  test('a torn checkpoint is passed over, and told; the one before takes its place', async () => {
    const outputDir = join(folder, 'torn')
    const warnings: string[] = []
    const options = { outputDir, saveSteps: 3, onWarning: (message: string) => warnings.push(message) }
    const whole = await trained({ ...options, outputDir: join(folder, 'torn-whole') })
    await expect(trained({ ...options, callbacks: [killedAt(10)] })).rejects.toThrow('killed')
    await truncate(join(outputDir, 'checkpoint-9', 'training_state.safetensors'), 1000)
    await rm(join(outputDir, 'checkpoint-6', 'manifest.json'))
    const told: string[] = []
    const callback: TrainerCallback = { name: 'told', onWarning: (message) => void told.push(message) }
    const resumed = await trained({ ...options, resumeFromCheckpoint: true, callbacks: [callback] })
    expect(resumed.numbers).toEqual(whole.numbers)
    expect(warnings).toEqual(told)
    expect(told).toEqual([
      expect.stringMatching(/checkpoint-9 is passed over: training_state.safetensors has 1000 bytes, not \d+$/),
      expect.stringMatching(/checkpoint-6 is passed over: it is not whole/),
    ])
  })

  test('one flipped bit is found by its checksum', async () => {
    const outputDir = join(folder, 'bit')
    await expect(trained({ outputDir, saveSteps: 5, callbacks: [killedAt(6)] })).rejects.toThrow('killed')
    const path = join(outputDir, 'checkpoint-5', 'training_state.safetensors')
    const bytes = await readFile(path)
    bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1
    await writeFile(path, bytes)
    const warnings: string[] = []
    const callback: TrainerCallback = { name: 'told', onWarning: (message) => void warnings.push(message) }
    const { trainer } = await trained({ outputDir, saveSteps: 5, resumeFromCheckpoint: true, callbacks: [callback] })
    expect(warnings).toEqual([expect.stringContaining('its checksum is not the saved one')])
    expect(trainer.state.training).toHaveLength(12)
  })

  test('a disk that is full for a while costs a checkpoint, and nothing else', async () => {
    const disk = runStore('test', join(folder, 'full'))
    const full = {
      ...disk,
      write: async (name: string, files: FileContents) => {
        if (name === 'checkpoint-6') throw new MedAwareError('disk', 'no room')
        await disk.write(name, files)
      },
    }
    const warnings: string[] = []
    const callback: TrainerCallback = {
      name: 'told',
      onWarning: (message) => void warnings.push(message),
    }
    const { numbers } = await trained({ outputDir: full, saveSteps: 3, callbacks: [callback] })
    expect(warnings).toEqual(['Trainer: step 6 could not be saved: no room'])
    expect((await disk.list()).filter((name) => name.startsWith('checkpoint'))).toEqual([
      'checkpoint-12',
      'checkpoint-3',
      'checkpoint-9',
    ])
    expect(numbers).toEqual((await trained({})).numbers)
  })

  test('the oldest go, as many as saveTotalLimit says', async () => {
    const outputDir = join(folder, 'limit')
    await trained({ outputDir, saveSteps: 2, saveTotalLimit: 2 })
    const names = await readdir(outputDir)
    expect(names.filter((name) => name.startsWith('checkpoint')).sort()).toEqual(['checkpoint-10', 'checkpoint-12'])
    expect(names).toEqual(
      expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors', 'README.md', 'run.json']),
    )
  })

  test('the card has the evaluation beside that before the first step, and what is given of it', async () => {
    const outputDir = join(folder, 'card')
    await trained({ outputDir, evalDataset, evalOnStart: true, card: { medical: true, license: 'mit' } })
    const card = await readFile(join(outputDir, 'README.md'), 'utf8')
    expect(card).toContain('No medical advice.')
    expect(card).toMatch(/^\| held-out examples \| loss \| {2}\| \*\*[\d.]+\*\* \| [\d.]+ \|$/m)
    expect(card).toMatch(/^- held-out examples, loss: measured after step \d+ of 12$/m)
    expect(card).toMatch(/^\| Weights, by how they are stored \| .*f32/m)
    await expect(trained({ card: { licence: 'mit' } as never })).rejects.toThrow('did you mean')
  })

  test('a signal saves a checkpoint before its reason is thrown', async () => {
    const outputDir = join(folder, 'signal')
    const stop = new AbortController()
    const reason = new Error('Ctrl-C')
    const callback: TrainerCallback = {
      name: 'stop',
      onStepEnd: ({ step }) => {
        if (step === 7) stop.abort(reason)
      },
    }
    await expect(trained({ outputDir, signal: stop.signal, callbacks: [callback] })).rejects.toBe(reason)
    expect(await readdir(outputDir)).toContain('checkpoint-7')
    const whole = await trained({})
    expect((await trained({ outputDir, resumeFromCheckpoint: 7 })).numbers).toEqual(whole.numbers)
  })

  test('no run is begun over another, and other options are refused', async () => {
    const outputDir = join(folder, 'signal')
    await expect(trained({ outputDir })).rejects.toThrow(
      `Trainer: ${outputDir} has a run, saved at step 12, which would be lost; give resumeFromCheckpoint: true to go on with it, or another outputDir`,
    )
    await expect(trained({ outputDir, resumeFromCheckpoint: 7, learningRate: 0.02 })).rejects.toThrow(
      'restoreCheckpoint: the saved run differs: learningRate was 0.01, is 0.02',
    )
    await expect(trained({ outputDir, resumeFromCheckpoint: 8 })).rejects.toThrow(
      `Trainer: ${outputDir} has no checkpoint of step 8; it has those of 7, 12`,
    )
  })
})

describe('evaluation', () => {
  test('the best weights are put back, and early stopping stops', async () => {
    const learned: number[] = []
    const callback: TrainerCallback = {
      name: 'seen',
      onEvaluate: ({ metrics }) => void learned.push(metrics['evalLoss'] ?? NaN),
    }
    // So high a rate makes the held-out loss rise soon.
    const options = { evalDataset, evalSteps: 1, evalOnStart: true, earlyStoppingPatience: 3, callbacks: [callback] }
    const { result, trainer } = await trained({ ...options, learningRate: 0.5, maxSteps: 30 })
    const least = Math.min(...learned)
    expect(result.best).toEqual({ step: learned.indexOf(least), value: least, isLoaded: true })
    expect(result.metrics?.['evalLoss']).toBe(least)
    expect(result.isStopped).toBe(true)
    expect(result.step).toBe(learned.indexOf(least) + 3)
    expect(trainer.state.evaluation).toHaveLength(result.step + 1)
  })

  test('a training that was stopped early is not gone on with', async () => {
    const options = { evalDataset, evalSteps: 1, earlyStoppingPatience: 2, learningRate: 0.5, maxSteps: 30 }
    const outputDir = join(folder, 'stopped')
    const stopped = await trained({ ...options, outputDir })
    const again = await trained({ ...options, outputDir, resumeFromCheckpoint: true })
    expect(stopped.result.isStopped).toBe(true)
    expect(again.result).toEqual(stopped.result)
    expect(again.numbers).toEqual(stopped.numbers)
  })

  test('the model computes with the weights that were put back', async () => {
    const { model, dispose } = await adaptedFalcon(device)
    const trainer = new Trainer(model, examples, {
      ...base,
      evalDataset,
      evalSteps: 1,
      learningRate: 0.5,
      loadBestModelAtEnd: true,
    })
    const { best } = await trainer.train()
    const { metrics } = await trainer.evaluate()
    expect(metrics['evalLoss']).toBe(best?.value)
    trainer.dispose()
    dispose()
  })
})

describe('callbacks', () => {
  /** Asks for a pause at a step, and notes what is told while nobody goes on. */
  function pausing(at: number) {
    const { promise, resolve } = deferred()
    const said: string[] = []
    const callback: TrainerCallback = {
      name: 'pause',
      onStepEnd: ({ step }, context, control) => {
        said.push(`step ${step} of ${context.step}`)
        if (step === at) control.shouldPause = true
      },
      onPause: ({ step }) => {
        said.push(`pause at ${step}`)
        return promise
      },
    }
    return { callback, said, goOn: resolve }
  }

  test.each([1, 4])('a pause holds the run with nothing queued, and changes no bit, loggingSteps %i', async (k) => {
    const { callback, said, goOn } = pausing(2)
    const options = { loggingSteps: k, maxSteps: 24 }
    const training = trained({ ...options, callbacks: [callback] })
    await until(() => said.some((text) => text.startsWith('pause')))
    const held = said.length
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(said).toHaveLength(held)
    // The step that was paused at is the last that was told, and the last that was queued.
    const step = Number(said.at(-1)?.split(' ').at(-1))
    expect(said.at(-2)).toBe(`step ${step} of ${step}`)
    goOn()
    const { result, numbers } = await training
    expect(result.step).toBe(24)
    expect(said.filter((text) => text.startsWith('pause'))).toHaveLength(1)
    expect(numbers).toEqual((await trained(options)).numbers)
  })

  test('a signal ends a pause, and saves where it was', async () => {
    const outputDir = join(folder, 'paused')
    const stop = new AbortController()
    const { callback, said } = pausing(3)
    const training = trained({ outputDir, signal: stop.signal, callbacks: [callback] })
    await until(() => said.includes('pause at 3'))
    stop.abort(new Error('Ctrl-C'))
    await expect(training).rejects.toThrow('Ctrl-C')
    expect(await readdir(outputDir)).toContain('checkpoint-3')
  })

  test('the last step is not paused at', async () => {
    const { callback, said } = pausing(12)
    await trained({ callbacks: [callback] })
    expect(said).not.toContain('pause at 12')
  })

  test('they hear how far an evaluation is, and of a checkpoint before and after', async () => {
    const said: string[] = []
    const callback: TrainerCallback = {
      name: 'heard',
      onPredictionStep: (done, total, { step }) => void said.push(`${step}: ${done}/${total}`),
      onEvaluate: ({ step }) => void said.push(`${step}: measured`),
      onSaveBegin: (step) => void said.push(`${step}: saving`),
      onSave: (step) => void said.push(`${step}: saved`),
    }
    const outputDir = join(folder, 'heard')
    await trained({ outputDir, evalDataset, evalSteps: 6, saveSteps: 6, evalBatchSize: 2, callbacks: [callback] })
    const told = (step: number) => [
      ...['0/5', '2/5', '4/5', '5/5', 'measured', 'saving', 'saved'].map((text) => `${step}: ${text}`),
    ]
    expect(said).toEqual([...told(6), ...told(12)])
  })
})

describe('options', () => {
  test.each<[TrainerOptions, string]>([
    [{ evalStrategy: 'steps' }, 'Trainer: evalStrategy needs something to measure on; give evalDataset'],
    [{ earlyStoppingPatience: 2 }, 'Trainer: earlyStoppingPatience needs something to measure on; give evalDataset'],
    [{ saveStrategy: 'steps' }, 'Trainer: saveStrategy needs an outputDir to save into'],
    [{ resumeFromCheckpoint: true }, 'Trainer: resumeFromCheckpoint needs the outputDir that has it'],
    [{ saveSteps: 0 }, 'Trainer: saveSteps must be a whole number from 1 or a number above 0 and below 1, got 0'],
    [{ evalDataset: 3 } as never, 'Trainer: evalDataset must be a list of examples or null, got 3'],
    [{ saveStep: 3 } as never, 'Trainer: there is no option "saveStep"; did you mean saveSteps?'],
    [{ learningRat: 3 } as never, 'Trainer: there is no option "learningRat"; did you mean learningRate?'],
    [
      { perDeviceEvalBatchSize: 3 } as never,
      'Trainer: there is no option "perDeviceEvalBatchSize"; did you mean evalBatchSize?',
    ],
    [
      { metricForBestModel: 'f1', evalDataset, evalSteps: 1 },
      'Trainer: metricForBestModel f1 is not measured; there are evalLoss',
    ],
  ])('%o is refused', async (options, message) => {
    await expect(trained(options)).rejects.toThrow(message)
  })
})
