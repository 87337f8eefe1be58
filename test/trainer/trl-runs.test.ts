import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Row } from '../../src/data/dataset.ts'
import { openAdapter } from '../../src/io/adapter-folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'
import { trainingArguments } from '../../src/train/arguments/training-arguments.ts'
import { train, type TrainDatasetOptions } from '../../src/trainer/train.ts'
import { testEngines } from '../device/devices.ts'

/** What TRL's trainer reported of a run. */
interface TrlRun {
  readonly rows: readonly Row[]
  readonly chat: boolean
  /** SFTConfig's. */
  readonly options: Readonly<Record<string, unknown>>
  /** Rows to measure on, and the losses of each time. */
  readonly held?: readonly Row[]
  readonly evalLosses?: readonly number[]
  readonly steps: readonly { readonly loss: number; readonly gradNorm: number; readonly learningRate: number }[]
}

const fixtures = join(import.meta.dirname, '../fixtures')
const folder = join(fixtures, 'trl-runs')
const read = (path: string) => readFileSync(path, 'utf8')
const { chatTemplate, runs } = JSON.parse(read(join(folder, 'runs.json'))) as {
  readonly chatTemplate: string
  readonly runs: Readonly<Record<string, TrlRun>>
}
const open = (name: string) => read(join(fixtures, 'tokenizer', name))
const tokenizer = tokenizerFromJson(open('tokenizer.json'), open('tokenizer_config.json'))

const engines = await testEngines()
afterAll(() => {
  for (const device of engines) device.dispose()
})

describe.each(engines.map((device) => [device.description, device] as const))('on %s', (_name, device) => {
  test.each(Object.entries(runs))("ten steps of TRL's trainer: %s", async (_, told) => {
    const { rows, chat, options, held, evalLosses = [], steps } = told
    const { model } = await loadModel(folder, { device })
    const adapter = await openAdapter(model, join(folder, 'adapter'), { device, trainable: true })
    const { train_sampling_strategy: __, ...given } = options
    const { run, trainer, data } = trainingArguments(given)
    const reports: TrlRun['steps'][number][] = []
    const measured: Readonly<Record<string, number>>[] = []
    // Rows in their order, as TRL's sequential sampler takes them.
    await train(model, rows, {
      ...(run as TrainDatasetOptions),
      ...trainer,
      ...data,
      ...{ tokenizer, streaming: true },
      ...(chat && { chatTemplate }),
      ...(held && { evalDataset: held }),
      callbacks: [
        {
          name: 'reports',
          onEvaluate: ({ metrics }) => void measured.push(metrics),
          onStepEnd: ({ loss, gradNorm, learningRate }) => void reports.push({ loss, gradNorm, learningRate }),
        },
      ],
    })
    expect(reports).toHaveLength(steps.length)
    for (const [i, { loss, gradNorm, learningRate }] of steps.entries()) {
      expect(Math.abs((reports[i]?.loss ?? NaN) - loss), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      expect(Math.abs((reports[i]?.gradNorm ?? NaN) - gradNorm), `norm of step ${i + 1}`).toBeLessThan(1e-4)
      expect(reports[i]?.learningRate).toBeCloseTo(learningRate, 8)
    }
    expect(measured).toHaveLength(evalLosses.length)
    for (const [i, loss] of evalLosses.entries()) {
      const { evalLoss = NaN, evalPerplexity = NaN } = measured[i] ?? {}
      expect(Math.abs(evalLoss - loss), `held-out loss ${i + 1}`).toBeLessThan(1e-4)
      // That of the labels themselves.
      expect(Math.abs(Math.log(evalPerplexity) - loss)).toBeGreaterThan(1e-3)
    }
    adapter.detach()
    model.dispose()
  })
})
