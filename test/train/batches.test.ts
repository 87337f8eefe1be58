import { afterAll, describe, expect, it, vi } from 'vitest'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import type { Batches } from '../../src/train/batch-pass.ts'
import { checkpointFileNames, checkpointFiles, restoreCheckpoint } from '../../src/train/checkpoint.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { adaptedFalcon, collected, randomExamples, tinyRun, told, trainedNumbers } from './tiny-run.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

/** Batches of one row each, whose number can be told by their ids. */
function batchesOf(count: number): LabelledBatch[] {
  return randomExamples(count).map(({ inputIds, labels }) => ({ inputIds, labels, shape: [1, inputIds.length] }))
}

async function* stream(batches: readonly LabelledBatch[], read: LabelledBatch[] = []): AsyncGenerator<LabelledBatch> {
  for (const batch of batches) {
    await Promise.resolve()
    read.push(batch)
    yield batch
  }
}

/** A run over batches, and what it comes to. */
async function batchRun<B>(data: Batches<B>, options: TrainingOptions<B>) {
  const { model, dispose } = await adaptedFalcon(device)
  const run = new TrainingRun(model, data, { learningRate: 0.01, ...options })
  return {
    run,
    model,
    dispose: () => {
      run.dispose()
      dispose()
    },
  }
}

async function outcome(data: Batches<LabelledBatch>, options: TrainingOptions) {
  const { run, model, dispose } = await batchRun(data, options)
  const reports = (await collected(run)).map(told)
  const numbers = await trainedNumbers(model)
  dispose()
  return { reports, numbers }
}

const config = (message: string): unknown => expect.objectContaining({ code: 'config', message })
const oneTime =
  'TrainingRun: the batches have been begun before and cannot be gone through again; give a function that opens them, ' +
  '() => batches(), or fewer maxSteps'

async function filesOf(run: TrainingRun) {
  const files = await checkpointFiles(run)
  const bytes = files.get(checkpointFileNames.tensors) as Uint8Array
  return {
    state: files.get(checkpointFileNames.state) as string,
    tensors: () => openSafetensors(bytesSource(bytes, 'saved')),
  }
}

describe('TrainingRun over batches', () => {
  it('takes the steps of the examples that they were made of, to the bit', async () => {
    const seen: LabelledBatch[] = []
    const options = { gradientAccumulationSteps: 2, maxSteps: 4, learningRate: 0.01 }
    const { run, model, dispose } = await tinyRun(device, randomExamples(7), {
      ...options,
      batchSize: 2,
      loss: (of, batch, { normalizer }) => {
        seen.push(batch)
        return of.loss(batch, batch.labels, normalizer)
      },
    })
    const fromExamples = { reports: (await collected(run)).map(told), numbers: await trainedNumbers(model) }
    dispose()
    // 7 examples in batches of 2 are 4 batches a pass; what is padded is not known of a batch.
    const { reports, numbers } = await outcome((epoch) => stream(seen.slice(4 * epoch, 4 * epoch + 4)), options)
    expect(numbers).toEqual(fromExamples.numbers)
    const withoutTokens = ({ tokens: _, ...rest }: ReturnType<typeof told>) => rest
    expect(reports.map(withoutTokens)).toEqual(fromExamples.reports.map(withoutTokens))
  })

  it('opens them for each pass, and ends a pass with the step that it has batches for', async () => {
    const open = vi.fn((_: number) => batchesOf(5).values())
    const { reports } = await outcome(open, { gradientAccumulationSteps: 2, maxSteps: 7 })
    expect(reports.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 1, 1, 1, 2])
    expect(open.mock.calls).toEqual([[0], [1], [2]])
    const lengths = batchesOf(5).map(({ inputIds }) => inputIds.length)
    const sum = (of: number[]) => of.reduce((all, each) => all + each, 0)
    const steps = [lengths.slice(0, 2), lengths.slice(2, 4), lengths.slice(4)].map(sum)
    expect(reports.map(({ tokens }) => tokens)).toEqual([...steps, ...steps, steps[0]])
    const whole = await outcome(() => batchesOf(4), { gradientAccumulationSteps: 2, maxSteps: 5 })
    expect(whole.reports.map(({ epoch }) => epoch)).toEqual([0, 0, 1, 1, 2])
    const again = await outcome(new Set(batchesOf(4)), { gradientAccumulationSteps: 2, maxSteps: 5 })
    expect(again).toEqual(whole)
  })

  it('says when they end too early, and keeps what was trained', async () => {
    const { run, dispose } = await batchRun(stream(batchesOf(3)), { maxSteps: 5 })
    await expect(collected(run)).rejects.toThrow(config(oneTime))
    expect(run.step).toBe(3)
    dispose()
    const empty = await batchRun(() => [], { maxSteps: 1 })
    await expect(collected(empty.run)).rejects.toThrow(config('TrainingRun: there is no batch to train on in pass 1'))
    empty.dispose()
    const none = await batchRun(() => 3 as unknown as LabelledBatch[], { maxSteps: 1 })
    const message = 'TrainingRun: the function must give batches to go through, such as a generator, got 3'
    await expect(collected(none.run)).rejects.toThrow(config(message))
    none.dispose()
  })

  it('can be left and gone on with, without a batch lost or read twice', async () => {
    const options = { gradientAccumulationSteps: 2, maxSteps: 4 }
    const whole = await outcome(stream(batchesOf(8)), options)
    const read: LabelledBatch[] = []
    const { run, model, dispose } = await batchRun(stream(batchesOf(8), read), options)
    const reports = []
    for await (const report of run) if (reports.push(told(report)) === 2) break
    reports.push(...(await collected(run)).map(told))
    expect(reports).toEqual(whole.reports)
    expect(await trainedNumbers(model)).toEqual(whole.numbers)
    expect(read).toHaveLength(8)
    dispose()
  })

  it('lets an error of theirs through, and opens them again where they can be', async () => {
    const options = { gradientAccumulationSteps: 2, maxSteps: 3 }
    const whole = await outcome(() => stream(batchesOf(6)), options)
    const failure = new Error('the disk is gone')
    let opened = 0
    async function* failing() {
      yield* stream(batchesOf(3))
      if (opened++ === 0) throw failure
      yield* stream(batchesOf(6).slice(3))
    }
    const { run, model, dispose } = await batchRun(failing, options)
    await expect(collected(run)).rejects.toBe(failure)
    expect(run.step).toBe(1)
    const reports = (await collected(run)).map(told)
    expect(reports).toEqual(whole.reports.slice(1))
    expect(await trainedNumbers(model)).toEqual(whole.numbers)
    dispose()
  })

  it('closes them when it is disposed of', async () => {
    const ended = vi.fn()
    async function* watched() {
      try {
        yield* stream(batchesOf(4))
      } finally {
        ended()
      }
    }
    const { run, dispose } = await batchRun(watched(), { maxSteps: 4 })
    for await (const { step } of run) if (step === 2) break
    expect(ended).not.toHaveBeenCalled()
    dispose()
    await new Promise((resolve) => setTimeout(resolve))
    expect(ended).toHaveBeenCalledTimes(1)
  })

  it.each<[string, unknown, object, string]>([
    ['without maxSteps', () => batchesOf(2), {}, 'batches do not say how many they are; give maxSteps'],
    [
      'with what only examples heed',
      stream(batchesOf(2)),
      { maxSteps: 2, batchSize: 4 },
      'batchSize does nothing where batches are given; they are taken as they come, until maxSteps',
    ],
    [
      'in a list',
      batchesOf(2),
      { maxSteps: 2 },
      'item 0 is a batch, and a list is taken for examples; give a function that gives the batches, () => batches',
    ],
  ])('refuses batches %s', async (_, data, options, message) => {
    const { model, dispose } = await adaptedFalcon(device)
    const make = () => new TrainingRun(model, data as Batches<LabelledBatch>, options)
    expect(make).toThrow(config(`TrainingRun: ${message}`))
    dispose()
  })

  it('refuses batches of another kind without a loss that knows them', async () => {
    const { run, dispose } = await batchRun(() => [{ text: 'a' }], { maxSteps: 1 })
    const message =
      'TrainingRun: a batch must be { inputIds, labels, shape }, or the option loss know what to do with it, got { text: "a" }'
    await expect(collected(run)).rejects.toThrow(config(message))
    dispose()
  })
})

describe('a checkpoint of a run over batches', () => {
  const options = { gradientAccumulationSteps: 2, maxSteps: 6 }
  // 7 batches a pass: step 4 has one and ends it.
  const open = (epoch: number) => stream(batchesOf(9).slice(epoch, epoch + 7))

  it.each([1, 3, 4, 5])('at step %i is gone on from to the same bits, the batches before passed over', async (stop) => {
    const whole = await outcome(open, options)
    const first = await batchRun(open, options)
    for await (const { step } of first.run) if (step === stop) break
    const { state, tensors } = await filesOf(first.run)
    first.dispose()
    const opened = vi.fn(open)
    const second = await batchRun(opened, options)
    expect(await restoreCheckpoint(second.run, state, await tensors())).toMatchObject({ step: stop, differences: [] })
    const reports = (await collected(second.run)).map(told)
    expect(reports).toEqual(whole.reports.slice(stop))
    expect(await trainedNumbers(second.model)).toEqual(whole.numbers)
    expect(opened.mock.calls[0]).toEqual([stop < 4 ? 0 : 1])
    second.dispose()
  })

  it('knows when other batches are given, or fewer, or examples, and goes on with others when told to', async () => {
    const first = await batchRun(open, options)
    for await (const { step } of first.run) if (step === 2) break
    const { state, tensors } = await filesOf(first.run)
    first.dispose()
    const restored = async (data: Batches<LabelledBatch>, acceptDifferences: readonly string[] = []) => {
      const { run, dispose } = await batchRun(data, options)
      await restoreCheckpoint(run, state, await tensors(), { acceptDifferences })
      const end = await collected(run).catch((error: unknown) => error)
      dispose()
      return end
    }
    expect(await restored(() => batchesOf(9).reverse())).toEqual(
      config(
        'TrainingRun: the first 4 batches are not those that the saved run had read; give the same ones, or go on with these ' +
          "from their first by acceptDifferences: ['examples']",
      ),
    )
    expect(await restored(() => batchesOf(3))).toEqual(
      config('TrainingRun: there are 3 batches, and the saved run had read 4; give the same ones'),
    )
    expect(await restored(() => batchesOf(9).reverse(), ['examples'])).toHaveLength(4)
    const { run, dispose } = await tinyRun(device, randomExamples(4), { ...options, learningRate: 0.01 })
    await expect(restoreCheckpoint(run, state, await tensors())).rejects.toThrow('examples was batches, is 4')
    dispose()
  })

  it('says whose loss it is', async () => {
    const own = await batchRun(open, { ...options, loss: (model, { labels, ...batch }) => model.loss(batch, labels) })
    for await (const { step } of own.run) if (step === 1) break
    const { state, tensors } = await filesOf(own.run)
    own.dispose()
    const { run, dispose } = await batchRun(open, options)
    await expect(restoreCheckpoint(run, state, await tensors())).rejects.toThrow('loss was "own", is unset')
    await expect(restoreCheckpoint(run, state, await tensors(), { acceptDifferences: ['loss'] })).resolves.toBeDefined()
    dispose()
  })
})
