import { afterAll, describe, expect, it } from 'vitest'
import { zeros } from '../../src/tensor/tensor.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import type { LossContext, TrainingLoss } from '../../src/train/training-loss.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { adaptedFalcon, collected, randomExamples, tinyRun, told, trainedNumbers } from './tiny-run.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const examples = randomExamples(8)
const options = { batchSize: 2, gradientAccumulationSteps: 3, maxSteps: 2, learningRate: 0.01 }

describe('a loss of the user’s own', () => {
  it('is told the label tokens of the whole step, its micro-batches and the step, and trains as the model’s does', async () => {
    const outcome = async (loss?: TrainingLoss<LabelledBatch>) => {
      const { run, model, dispose } = await tinyRun(device, examples, { ...options, ...(loss && { loss }) })
      const [hasOwnLoss, reports] = [run.hasOwnLoss, (await collected(run)).map(told)]
      const numbers = await trainedNumbers(model)
      dispose()
      return { reports, numbers, hasOwnLoss }
    }
    const contexts: LossContext[] = []
    const { hasOwnLoss, ...own } = await outcome((model, batch, context) => {
      contexts.push(context)
      return model.loss(batch, batch.labels, context.normalizer)
    })
    const { hasOwnLoss: hasNone, ...wanted } = await outcome()
    expect(own).toEqual(wanted)
    expect([hasOwnLoss, hasNone]).toEqual([true, false])
    const [first = NaN, second = NaN] = wanted.reports.map(({ labelTokens }) => labelTokens)
    expect(contexts).toEqual([
      ...Array<LossContext>(3).fill({ normalizer: first, microBatches: 3, step: 1 }),
      { normalizer: second, microBatches: 1, step: 2 },
    ])
  })

  it('takes batches of any kind, and has their number to divide a mean by', async () => {
    const { model, dispose } = await adaptedFalcon(device)
    const contexts: LossContext[] = []
    const pairs = examples.map(({ inputIds }, i) => ({ ids: inputIds, name: `pair ${i}` }))
    const run = new TrainingRun(model, () => pairs, {
      gradientAccumulationSteps: 4,
      maxSteps: 1,
      loss: (of, { ids, name }, context) => {
        expect(name).toBe(`pair ${contexts.push(context) - 1}`)
        return of.loss({ inputIds: ids, shape: [1, ids.length] }, ids, (ids.length - 1) * context.normalizer)
      },
    })
    const [report] = await collected(run)
    expect(contexts).toEqual(Array<LossContext>(4).fill({ normalizer: 4, microBatches: 4, step: 1 }))
    expect(report).toMatchObject({ tokens: 0, labelTokens: 0, tokensPerSecond: 0 })
    // A mean over means of a model that has learned nothing yet: about ln 64.
    expect(report?.loss).toBeGreaterThan(3)
    expect(report?.loss).toBeLessThan(6)
    run.dispose()
    dispose()
  })

  it.each<[string, () => unknown, string, string]>([
    ['a number', () => 1, 'config', 'must be a tensor, f32 [1], and there when the function returns, got 1'],
    ['a promise', () => Promise.resolve(), 'config', 'must be a tensor, f32 [1], and there when the function returns'],
    ['a row', () => zeros(device, [2], 'row'), 'shape', 'must be f32 [1], not f32 [2]; take its mean or sum'],
    [
      'what training cannot move',
      () => zeros(device, [1], 'constant'),
      'config',
      'depends on no trainable parameter; make it of recorded ops on what the model gives',
    ],
  ])('is refused where it gives %s, and leaves no byte', async (_, loss, code, message) => {
    const { run, dispose } = await tinyRun(device, examples, { ...options, loss: loss as TrainingLoss<LabelledBatch> })
    const before = device.memory.liveBytes
    const refusal = expect.objectContaining({
      code,
      message: expect.stringContaining(`TrainingRun: the loss ${message}`) as string,
    }) as Error
    await expect(collected(run)).rejects.toThrow(refusal)
    expect([run.step, device.memory.liveBytes]).toEqual([0, before])
    dispose()
  })

  it('is refused where it is no function', async () => {
    const wrong = { loss: 'mse' } as unknown as { loss: TrainingLoss<LabelledBatch> }
    await expect(tinyRun(device, examples, wrong)).rejects.toThrow('TrainingRun: loss must be a function, got "mse"')
  })
})
