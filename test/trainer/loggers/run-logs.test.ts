import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MedAwareError } from '../../../src/core/errors.ts'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../../src/device/device.ts'
import { runStore, type RunStore } from '../../../src/io/runs/run-store.ts'
import { Trainer } from '../../../src/trainer/trainer.ts'
import type { LogHistory, TrainerCallback } from '../../../src/trainer/trainer-callback.ts'
import type { TrainerOptions } from '../../../src/trainer/trainer-options.ts'
import { adaptedFalcon, randomExamples } from '../../train/tiny-run.ts'

const examples = randomExamples(12)
const base: TrainerOptions = {
  ...{ maxSteps: 8, batchSize: 3, learningRate: 0.01, seed: 7, loggingSteps: 1, reportTo: 'all' },
  ...{ evalDataset: randomExamples(14).slice(12), evalSteps: 4, saveSteps: 3 },
}
let device: Device
let folder: string

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'logs-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

async function trained(options: TrainerOptions): Promise<LogHistory> {
  const { model, dispose } = await adaptedFalcon(device)
  const trainer = new Trainer(model, examples, { ...base, ...options })
  try {
    await trainer.train()
    return trainer.state
  } finally {
    trainer.dispose()
    dispose()
  }
}

/** Lines of log.jsonl. */
async function jsonLines(outputDir: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(join(outputDir, 'log.jsonl'), 'utf8')).split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Rows of log.csv by its header. */
async function csvRows(outputDir: string): Promise<Record<string, string>[]> {
  const [header = '', ...rows] = (await readFile(join(outputDir, 'log.csv'), 'utf8')).split('\r\n')
  expect(rows.pop()).toBe('')
  return rows.map((row) => Object.fromEntries(header.split(',').map((name, i) => [name, row.split(',')[i] ?? ''])))
}

/** Lengths of an event file's records behind its first one, as their frames say. */
async function eventLengths(outputDir: string): Promise<number[]> {
  const names = (await readdir(outputDir)).filter((name) => name.includes('tfevents'))
  expect(names).toHaveLength(1)
  const bytes = await readFile(join(outputDir, names[0] ?? ''))
  const lengths: number[] = []
  for (let at = 0; at < bytes.length; at += 16 + (lengths.at(-1) ?? 0)) lengths.push(bytes.readUInt32LE(at))
  return lengths.slice(1)
}

/** Sees that the logs of a folder hold a history: every step and every evaluation once, in order. */
async function expectLogs(outputDir: string, { training, evaluation }: LogHistory): Promise<void> {
  const told = [
    ...training.map(({ step, loss, gradNorm, tokensPerSecond }) => {
      return { step, loss, grad_norm: gradNorm, tokens_per_second: tokensPerSecond }
    }),
    ...evaluation.map(({ step, metrics }) => ({ step, eval_loss: metrics['evalLoss'] })),
  ].sort((a, b) => a.step - b.step)
  const lines = await jsonLines(outputDir)
  expect(lines).toEqual(told.map((each) => expect.objectContaining(each) as unknown))
  const rows = await csvRows(outputDir)
  const words = told.map((each) => Object.fromEntries(Object.entries(each).map(([key, value]) => [key, String(value)])))
  expect(rows).toEqual(words.map((each) => expect.objectContaining(each) as unknown))
  expect(rows.map(({ time }) => time)).toEqual(lines.map(({ time }) => time))
  expect(await eventLengths(outputDir)).toHaveLength(told.length)
}

test('every step and evaluation is in the logs once', async () => {
  const outputDir = join(folder, 'whole')
  const history = await trained({ outputDir })
  expect(history.evaluation.map(({ step }) => step)).toEqual([4, 8])
  await expectLogs(outputDir, history)
})

test('a run that goes on cuts what its checkpoint does not know, and torn lines', async () => {
  const outputDir = join(folder, 'resumed')
  const killed: TrainerCallback = {
    name: 'killed',
    onStepEnd: ({ step }) => {
      if (step === 5) throw new Error('killed')
    },
  }
  await expect(trained({ outputDir, callbacks: [killed] })).rejects.toThrow('killed')
  const before = await jsonLines(outputDir)
  expect(before.map(({ step }) => step)).toEqual([1, 2, 3, 4, 4, 5])
  for (const name of await readdir(outputDir)) {
    if (!/^log|tfevents/.test(name)) continue
    const bytes = await readFile(join(outputDir, name))
    await writeFile(join(outputDir, name), bytes.subarray(0, -7))
  }
  const history = await trained({ outputDir, resumeFromCheckpoint: true })
  await expectLogs(outputDir, history)
  const after = await jsonLines(outputDir)
  // What was reported before keeps its time.
  expect(after.slice(0, 3)).toEqual(before.slice(0, 3))
})

test('a log that cannot be written is told once, and is whole again once it can be', async () => {
  const outputDir = join(folder, 'full')
  const disk = runStore('test', outputDir)
  let failures = 0
  const full: RunStore = {
    ...disk,
    append: async (name, content) => {
      // Half of it finds room.
      await disk.append(name, content.slice(0, content.length >> 1))
      failures++
      throw new MedAwareError('disk', 'no room')
    },
  }
  const warnings: string[] = []
  const callback: TrainerCallback = { name: 'told', onWarning: (message) => void warnings.push(message) }
  const history = await trained({ outputDir: full, reportTo: ['jsonl'], callbacks: [callback] })
  expect(failures).toBeGreaterThan(0)
  expect(warnings).toEqual(['Trainer: log.jsonl cannot be written, the training goes on: no room'])
  const lines = await jsonLines(outputDir)
  expect(lines).toHaveLength(history.training.length + history.evaluation.length)
})

test('logs are those that reportTo says', async () => {
  const logsOf = async (name: string, options: TrainerOptions) => {
    const outputDir = join(folder, name)
    const { reportTo: _, ...rest } = base
    const { model, dispose } = await adaptedFalcon(device)
    const trainer = new Trainer(model, examples, { ...rest, maxSteps: 1, outputDir, ...options })
    await trainer.train()
    trainer.dispose()
    dispose()
    return (await readdir(outputDir)).filter((file) => /^log|tfevents/.test(file))
  }
  expect(await logsOf('default', {})).toEqual(['log.jsonl'])
  expect(await logsOf('none', { reportTo: 'none' })).toEqual([])
  expect(await logsOf('csv', { reportTo: ['csv'] })).toEqual(['log.csv'])
  expect(await logsOf('tensorboard', { reportTo: 'tensorboard' })).toEqual([
    expect.stringMatching(/^events\.out\.tfevents\.\d{10}\..+\.peft-medaware$/),
  ])
  await expect(trained({ reportTo: 'csv' })).rejects.toThrow('Trainer: reportTo needs an outputDir to keep logs in')
  await expect(trained({ reportTo: 'wandb' } as never)).rejects.toThrow("Trainer: reportTo must be 'jsonl', 'csv'")
})
