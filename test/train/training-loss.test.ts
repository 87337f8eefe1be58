import { afterAll, describe, expect, it } from 'vitest'
import { collate, type Example } from '../../src/models/example.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import type { LossContext, TrainingLoss } from '../../src/train/training-loss.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'
import { adaptedFalcon, collected, randomExamples, tinyRun, told, trainedNumbers } from './tiny-run.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const examples = randomExamples(8)
const options = { batchSize: 2, gradientAccumulationSteps: 3, maxSteps: 2, learningRate: 0.01 }

describe('a loss of the user’s own', () => {
  it('is told the label tokens of the whole step, its micro-batches and the step, and trains as the model’s does', async () => {
    const outcome = async (loss?: TrainingLoss<LabelledBatch>) => {
      const { run, model, dispose } = await tinyRun(device, examples, { ...options, ...(loss && { loss }) })
      const [lossSettings, reports] = [run.lossSettings, (await collected(run)).map(told)]
      const numbers = await trainedNumbers(model)
      dispose()
      return { reports, numbers, lossSettings }
    }
    const contexts: LossContext[] = []
    const { lossSettings, ...own } = await outcome((model, batch, context) => {
      contexts.push(context)
      return model.loss(batch, batch.labels, context.normalizer)
    })
    const { lossSettings: none, ...wanted } = await outcome()
    expect(own).toEqual(wanted)
    expect([lossSettings, none]).toEqual(['own', null])
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

describe('metrics beside a loss', () => {
  const withMetrics = (
    metricsOf: (loss: Tensor, step: number) => Record<string, Tensor>,
  ): TrainingLoss<LabelledBatch> => {
    return (model, batch, { normalizer, step }) => {
      const loss = model.loss(batch, batch.labels, normalizer)
      return { loss, metrics: metricsOf(loss, step) }
    }
  }

  it.each([1, 2])(
    'are reported as means over the micro-batches, %i steps together, and change nothing',
    async (loggingSteps) => {
      const outcome = async (loss?: TrainingLoss<LabelledBatch>) => {
        const { run, model, dispose } = await tinyRun(device, examples, {
          ...options,
          loggingSteps,
          ...(loss && { loss }),
        })
        const reports = await collected(run)
        const numbers = await trainedNumbers(model)
        dispose()
        return { reports, numbers }
      }
      const bytes = device.memory.liveBytes
      const { reports, numbers } = await outcome(
        withMetrics((loss, step) => ({
          share: loss,
          'of/step': fromArray(device, Float32Array.of(step), [1], 'step'),
        })),
      )
      const plain = await outcome()
      expect([reports.map(told), numbers]).toEqual([plain.reports.map(told), plain.numbers])
      expect(plain.reports.map((report) => 'metrics' in report)).toEqual([false, false])
      for (const [i, { loss, metrics = {} }] of reports.entries()) {
        // Three micro-batches, and the one that is left.
        expect(metrics['share']).toBeCloseTo(loss / (i === 0 ? 3 : 1), 6)
        expect(metrics['of/step']).toBe(i + 1)
      }
      expect(device.memory.liveBytes).toBe(bytes)
    },
  )

  it.each<[string, TrainingLoss<LabelledBatch>, string, string]>([
    [
      'a number',
      withMetrics(() => ({ a: 1 as unknown as Tensor })),
      'config',
      'the metric a must be a tensor on the model',
    ],
    [
      'a row',
      withMetrics(() => ({ a: zeros(device, [2], 'row') })),
      'shape',
      'the metric a must be f32 [1], not f32 [2]',
    ],
    ['what a report has', withMetrics((loss) => ({ loss })), 'config', 'a metric cannot be called "loss"'],
    [
      'others than before',
      withMetrics((loss, step) => ({ [`m${step}`]: loss })),
      'config',
      'the loss must give the same metrics for each batch; it gave m1, and then m2',
    ],
  ])('are refused where they are %s', async (_, loss, code, message) => {
    const { run, dispose } = await tinyRun(device, examples, { ...options, loss })
    const refusal = expect.objectContaining({
      code,
      message: expect.stringContaining(`TrainingRun: ${message}`) as string,
    }) as Error
    await expect(collected(run)).rejects.toThrow(refusal)
    dispose()
  })
})

describe('a data collator', () => {
  it('makes batches of examples, for a loss that knows them', async () => {
    const sizes: number[] = []
    const { model, dispose } = await adaptedFalcon(device)
    const loss: TrainingLoss<readonly Example[]> = (of, rows, { normalizer }) => {
      sizes.push(rows.length)
      const { batch, labels } = collate(rows)
      return of.loss(batch, labels, normalizer)
    }
    const given = { ...options, loss, dataCollator: (rows: readonly Example[]) => rows }
    const run = new TrainingRun<readonly Example[]>(model, examples, given)
    const own = (await collected(run)).map(told)
    run.dispose()
    dispose()
    expect(sizes).toEqual([2, 2, 2, 2])
    const { run: plain, dispose: disposePlain } = await tinyRun(device, examples, options)
    expect(own).toEqual((await collected(plain)).map(told))
    disposePlain()
    const batches = () => [new Error('never read')]
    const wrong = { maxSteps: 1, dataCollator: () => null }
    const { model: other, dispose: disposeOther } = await adaptedFalcon(device)
    expect(() => new TrainingRun<unknown>(other, batches, wrong)).toThrow(
      'TrainingRun: dataCollator makes batches of examples, and batches are given; leave it out',
    )
    disposeOther()
  })
})

describe('disableDropout', () => {
  it('trains as an adapter without dropout does', async () => {
    const outcome = async (loraDropout: number, disableDropout: boolean) => {
      const model = await tinyFalcon(device)
      const adapter = attachLora(model, { r: 4, loraAlpha: 8, loraDropout }, { device, seed: 5 })
      const run = new TrainingRun(model, examples, { ...options, disableDropout })
      const reports = (await collected(run)).map(told)
      run.dispose()
      adapter.detach()
      model.dispose()
      return reports
    }
    const without = await outcome(0, false)
    expect(await outcome(0.5, true)).toEqual(without)
    expect(await outcome(0.5, false)).not.toEqual(without)
  })
})
