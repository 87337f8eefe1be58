import { afterAll, describe, expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { LossWatch } from '../../src/train/loss-watch.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { randomExamples, tinyRun, trainedNumbers } from './tiny-run.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const examples = randomExamples(8)

/** What a run warns of, at which step, and what it learns. */
async function outcome(options: TrainingOptions, isHeard = true) {
  const warnings: (readonly [code: string, step: number, message: string])[] = []
  const onWarning: TrainingOptions['onWarning'] = (message, code) => warnings.push([code, step, message])
  const made = await tinyRun(device, examples, { ...options, ...(isHeard && { onWarning }) })
  let step = 0
  const losses: number[] = []
  for await (const report of made.run) {
    step = report.step
    losses.push(report.loss)
  }
  expect(Object.keys(made.run.options)).not.toContain('onWarning')
  const numbers = await trainedNumbers(made.model)
  made.dispose()
  return { warnings, losses, numbers }
}

describe('a training run', () => {
  it('says before its first step that nothing can be learned at its rate, and then that the loss does not fall', async () => {
    const options: TrainingOptions = { batchSize: 4, maxSteps: 24, learningRate: 1e-12, schedule: 'constant' }
    const { warnings, ...learned } = await outcome(options)
    expect(warnings.map(([code]) => code)).toEqual(['learning-rate-too-low', 'loss-not-falling'])
    expect(warnings[0]?.slice(1)).toEqual([
      0,
      'TrainingRun: nothing can be learned at learningRate 1e-12: 24 steps move a parameter by 2.4e-11 at most; QLoRA takes ' +
        '2e-4, full fine-tuning 2e-5',
    ])
    expect(warnings[1]?.[1]).toBeGreaterThanOrEqual(7)
    expect(warnings[1]?.[2]).toMatch(
      /^TrainingRun: the loss has not fallen in \d+ of 24 steps: \d\.\d{4} at first, \d\.\d{4} now; raise the learning rate, 1e-12, or see /,
    )
    const { warnings: _, ...unheard } = await outcome(options, false)
    expect(unheard).toEqual(learned)
  })

  it('says nothing where it learns, also in groups, or is short', async () => {
    const options: TrainingOptions = { batchSize: 4, maxSteps: 30, learningRate: 0.02, schedule: 'cosine', warmup: 0.1 }
    expect((await outcome(options)).warnings).toEqual([])
    expect((await outcome({ ...options, loggingSteps: 4 })).warnings).toEqual([])
    expect((await outcome({ maxSteps: 2 })).warnings).toEqual([])
  })

  it.each<[TrainingOptions, boolean]>([
    [{ maxSteps: 1 }, false],
    [{ maxSteps: 1000, learningRate: 1e-8 }, false],
    [{ maxSteps: 10, learningRate: 1e-8 }, true],
    [{ maxSteps: 1e9, learningRate: 5e-10 }, true],
    [{ maxSteps: 10, learningRate: 1e-3, warmup: 10, schedule: 'constant' }, false],
    [{ maxSteps: 1, learningRate: 1e-3, warmup: 1, schedule: 'linear' }, true],
  ])('judges the rate of %j', async (options, isTooLow) => {
    const codes: string[] = []
    const made = await tinyRun(device, examples, {})
    const run = new TrainingRun(made.model, examples, { ...options, onWarning: (_, code) => void codes.push(code) })
    // Twice, to hear it once.
    const begin = async () => {
      const loop = run[Symbol.asyncIterator]()
      await loop.next()
      await loop.return(undefined)
    }
    await begin()
    await begin()
    expect(codes).toEqual(isTooLow ? ['learning-rate-too-low'] : [])
    run.dispose()
    made.dispose()
  })
})

describe('an adapted layer without a gradient', () => {
  /** What is told of a tiny run whose second layer's attention counts for nothing, if it is to. */
  const told = async (isDead: boolean, options: TrainingOptions = {}) => {
    const made = await tinyRun(device, examples, { maxSteps: 1 })
    made.run.dispose()
    const dense = [...made.model.namedWeights()].find(([name]) => name.endsWith('h.1.self_attention.dense.weight'))?.[1]
    if (isDead && dense instanceof Tensor) dense.write(new Float32Array(dense.count))
    const warnings: (readonly [code: string, message: string])[] = []
    const steps: number[] = []
    const run = new TrainingRun(made.model, examples, {
      ...{ batchSize: 4, maxSteps: 10, learningRate: 0.001, warmup: 1 },
      ...options,
      onWarning: (message, code) => {
        if (code === 'layer-without-gradient') warnings.push([String(steps.at(-1) ?? 0), message])
      },
    })
    const live = device.memory.liveBytes
    for await (const { step } of run) steps.push(step)
    expect(device.memory.liveBytes).toBeLessThanOrEqual(live)
    run.dispose()
    made.dispose()
    return warnings
  }

  it('is told once by its name, when the first steps are over, and no other is', async () => {
    const message =
      'TrainingRun: the adapter at "transformer.h.1.self_attention.query_key_value" has had no gradient in 8 steps, so ' +
      'nothing trains it there: the loss does not hang on it, or its tokens are not in the data; see what it is, or leave it out'
    expect(await told(true)).toEqual([['7', message]])
    expect(await told(true, { loggingSteps: 5, gradientAccumulationSteps: 2 })).toEqual([[expect.anything(), message]])
  })

  it('is not told of layers whose A has none yet, also of a short run', async () => {
    expect(await told(false)).toEqual([])
    expect(await told(false, { maxSteps: 1 })).toEqual([])
    expect(await told(true, { maxSteps: 1 })).toEqual([[expect.anything(), expect.stringContaining('in 1 step,')]])
  })
})

describe('LossWatch', () => {
  const watched = (
    losses: readonly number[],
    more: Partial<Record<'steps' | 'done' | 'warmup' | 'stepsPerEpoch', number>> = {},
  ) => {
    const watch = new LossWatch({ steps: losses.length, done: 0, warmup: 0, stepsPerEpoch: losses.length, ...more })
    const found = losses.map((loss, i) => watch.see({ step: i + 1 + (more.done ?? 0), loss, labelTokens: 10 }))
    const told = found.filter((each) => each !== null)
    expect(told.length).toBeLessThan(2)
    return told[0]?.steps ?? null
  }
  const noise = new Random(4)
  const series = (count: number, at: (i: number) => number, deviation: number) =>
    Array.from({ length: count }, (_, i) => at(i) + deviation * noise.normal())

  it('knows a loss that stands still after a tenth of the run, and one that rises', () => {
    expect(watched(series(200, () => 3, 0))).toBe(20)
    expect(watched(series(200, (i) => 3 + 0.01 * i, 0))).toBe(20)
    expect(watched(series(30, () => 3, 0))).toBe(8)
    expect(
      watched(
        series(200, () => 3, 0),
        { warmup: 30 },
      ),
    ).toBe(50)
    expect(watched(series(5000, () => 3, 0.03))).toBeGreaterThanOrEqual(500)
  })

  it('says nothing of one that falls, or while batches differ too much to tell', () => {
    expect(watched(series(200, (i) => 3 - 0.01 * i, 0.05))).toBeNull()
    expect(watched(series(200, (i) => (i < 20 ? 3 - 0.02 * i : 2.6), 0))).toBeNull()
    expect(watched(series(40, () => 3, 0.5))).toBeNull()
    expect(watched(series(7, () => 3, 0))).toBeNull()
  })

  it('compares whole epochs, which hold the same batches', () => {
    const batches = [1, 5, 2, 4]
    const epochs = (fall: number) =>
      Array.from({ length: 40 }, (_, i) => (batches[i % 4] ?? 0) - fall * Math.floor(i / 4))
    expect(watched(epochs(0), { stepsPerEpoch: 4 })).toBe(8)
    expect(watched(epochs(0.1), { stepsPerEpoch: 4 })).toBeNull()
  })

  it('does not watch a run that goes on later than in its first tenth', () => {
    expect(
      watched(
        series(50, () => 3, 0),
        { steps: 100, done: 50 },
      ),
    ).toBeNull()
  })
})
