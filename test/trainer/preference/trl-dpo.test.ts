import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openAdapter } from '../../../src/io/adapter-folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { Example } from '../../../src/models/example.ts'
import { dpoLoss } from '../../../src/train/preference/dpo-loss.ts'
import type { StepReport } from '../../../src/train/step-report.ts'
import { measure } from '../../../src/trainer/measure.ts'
import { collatePairs, pairExample } from '../../../src/trainer/preference/pair-examples.ts'
import { Trainer } from '../../../src/trainer/trainer.ts'
import { testEngines } from '../../device/devices.ts'

type Ids = Readonly<Record<'prompt_ids' | 'chosen_ids' | 'rejected_ids', readonly number[]>>

/** What TRL's trainer reported of a run. */
interface TrlRun {
  /** DPOConfig's. */
  readonly options: Readonly<Record<string, unknown>>
  readonly examples: readonly Ids[]
  readonly steps: readonly {
    readonly loss: number
    readonly gradNorm: number
    readonly learningRate: number
    readonly metrics: Readonly<Record<string, number>>
  }[]
  readonly evaluation?: Readonly<Record<string, number>>
}

const fixtures = join(import.meta.dirname, '../../fixtures')
const base = join(fixtures, 'trl-runs')
const { runs } = JSON.parse(readFileSync(join(fixtures, 'trl-dpo/runs.json'), 'utf8')) as {
  readonly runs: Readonly<Record<string, TrlRun>>
}

/** A pair as TRL's collator cuts it. */
function pairOf(ids: Ids, most: number) {
  const rowOf = (completion: readonly number[]): Example => {
    const labels = [...ids.prompt_ids.map(() => -100), ...completion]
    const inputIds = Int32Array.from([...ids.prompt_ids, ...completion].slice(0, most))
    return { inputIds, labels: Int32Array.from(labels.slice(0, most)) }
  }
  return pairExample({ chosen: rowOf(ids.chosen_ids), rejected: rowOf(ids.rejected_ids) })
}

const engines = await testEngines()
afterAll(() => {
  for (const device of engines) device.dispose()
})

// A software adapter takes long for what a CPU has at once: it does the run with an evaluation, whose rows are short.
const cases = engines.flatMap((device) => {
  const isGpu = device.kind === 'webgpu'
  const wanted = Object.entries(runs).filter(([, { evaluation }]) => !isGpu || evaluation !== undefined)
  return wanted.map(([title, run]) => ({ title, run, device, on: device.description }))
})

describe("ten steps of TRL's DPOTrainer", () => {
  test.each(cases)('$title, on $on', async ({ run, device }) => {
    const { model } = await loadModel(base, { device })
    const adapter = await openAdapter(model, join(base, 'adapter'), { device, trainable: true })
    const { options, steps, evaluation } = run
    const [size, accumulated] = [
      Number(options['per_device_train_batch_size']),
      options['gradient_accumulation_steps'] ?? 1,
    ]
    const examples = run.examples.map((ids) => pairOf(ids, Number(options['max_length'])))
    // Rows in their order, as TRL's sequential sampler takes them.
    const batches = Array.from({ length: Math.ceil(examples.length / size) }, (_each, i) => {
      return collatePairs(examples.slice(i * size, (i + 1) * size))
    })
    const loss = dpoLoss({ beta: Number(options['beta'] ?? 0.1) })
    const reports: StepReport[] = []
    const trainer = new Trainer(model, () => batches, {
      ...{ maxSteps: 10, learningRate: 5e-2, schedule: 'cosine', warmup: 2, maxGradNorm: 1, disableDropout: true },
      ...{ gradientAccumulationSteps: Number(accumulated), loggingSteps: 2, loss },
      callbacks: [{ name: 'reports', onStepEnd: (report) => void reports.push(report) }],
    })
    const { trainLoss } = await trainer.train()
    trainer.dispose()
    expect(reports).toHaveLength(steps.length)
    for (const [i, step] of steps.entries()) {
      const { loss: own = NaN, gradNorm = NaN, learningRate = NaN, metrics = {} } = reports[i] ?? {}
      expect(Math.abs(own - step.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      expect(Math.abs(gradNorm - step.gradNorm), `norm of step ${i + 1}`).toBeLessThan(1e-4)
      expect(learningRate).toBeCloseTo(step.learningRate, 8)
      expect(Object.keys(metrics)).toHaveLength(6)
      for (const [name, value] of Object.entries(metrics)) {
        expect(Math.abs(value - (step.metrics[name] ?? NaN)), `${name} of step ${i + 1}`).toBeLessThan(2e-4)
      }
    }
    expect(trainLoss).toBeCloseTo(steps.reduce((sum, step) => sum + step.loss, 0) / steps.length, 4)
    if (evaluation !== undefined) {
      // The same four pairs again and again.
      const told = {
        dataCollator: collatePairs,
        batchSize: 2,
        labelSmoothingFactor: 0,
        step: 10,
        onProgress: () => undefined,
        signal: undefined,
      }
      const measured = await measure(model, examples.slice(0, 4), { loss, ...told })
      expect(Math.abs((measured['evalLoss'] ?? NaN) - (evaluation['eval_loss'] ?? NaN))).toBeLessThan(1e-4)
      for (const name of ['rewards/chosen', 'rewards/accuracies', 'rewards/margins', 'logps/rejected']) {
        const own = measured[`eval${name.charAt(0).toUpperCase()}${name.slice(1)}`] ?? NaN
        expect(Math.abs(own - (evaluation[`eval_${name}`] ?? NaN)), name).toBeLessThan(2e-4)
      }
    }
    adapter.detach()
    model.dispose()
  })
})
