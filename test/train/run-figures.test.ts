import { afterAll, describe, expect, it } from 'vitest'
import { adapterFiles } from '../../src/peft/files/adapter-files.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import { runFigures } from '../../src/train/run-figures.ts'
import type { StepReport } from '../../src/train/training-run.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'
import { randomExamples } from './tiny-run.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

describe.each([
  { peftType: 'LORA', r: 2 },
  { peftType: 'LORA', r: 2, bias: 'all' },
  { peftType: 'IA3', initIa3Weights: false },
])('an adapter of %j', (config) => {
  it('is told to be as it began, until it is trained; then its card has the figures of the run', async () => {
    const model = await tinyFalcon(device)
    const adapter = attachAdapter(model, config, { seed: 3 })
    const told: string[] = []
    const onWarning = (message: string) => void told.push(message)
    const { liveBytes } = device.memory
    await adapterFiles(adapter, { onWarning })
    expect(told).toEqual([
      'adapterFiles: nothing has trained the adapter since it was attached; what is saved is its start',
    ])
    expect(device.memory.liveBytes).toBe(liveBytes)
    const run = new TrainingRun(model, randomExamples(4), { batchSize: 2, maxSteps: 2, learningRate: 1e-3 })
    const reports: StepReport[] = []
    for await (const report of run) reports.push(report)
    const files = await adapterFiles(adapter, { onWarning, figures: runFigures(run, reports) })
    expect(told).toHaveLength(1)
    const card = new TextDecoder().decode(files.get('README.md'))
    const [first, last] = reports
    for (const row of [
      '| Steps | 2 of 2 |',
      `| Training loss | ${first?.loss.toFixed(4)} at step 1, ${last?.loss.toFixed(4)} at step 2 |`,
      '| Batch size | 2 x 1 |',
      '| Learning rate | 0.001, linear, warm-up 0 |',
      '| Seed | 42 |',
      '| Examples | 4 |',
    ])
      expect(card).toContain(row)
    expect(card).toMatch(/\n\| Optimizer \| adamw, /)
    expect(card).toMatch(/\n\| Trained parameters \| [\d,]+ of [\d,]+, \d\.\d{4} % \|\n/)
    expect(runFigures(run, reports)).toMatchObject({ Epochs: 1 })
    expect(runFigures(run, reports.slice(0, 1))).toMatchObject({ Epochs: 0.5 })
    expect(() => runFigures(run, [])).toThrow('runFigures: reports must be a list of')
    run.dispose()
    model.dispose()
  })
})
