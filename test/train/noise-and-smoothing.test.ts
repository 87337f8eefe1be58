import { afterAll, describe, expect, it } from 'vitest'
import { inference } from '../../src/models/inference.ts'
import { collate } from '../../src/models/example.ts'
import { noise } from '../../src/ops/noise.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import { testEngines } from '../device/devices.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'
import { collected, randomExamples, tinyRun, trainedNumbers } from './tiny-run.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const examples = randomExamples(8)

describe.each(devices)('on $description', (device) => {
  const lossesOf = async (options: TrainingOptions) => {
    const { run, model, dispose } = await tinyRun(device, examples, { batchSize: 4, maxSteps: 3, ...options })
    const losses = (await collected(run)).map(({ loss }) => loss)
    const noise = model.embeddingNoise
    const numbers = await trainedNumbers(model)
    dispose()
    return { losses, noise, numbers }
  }

  it('NEFTune’s noise is within its bounds, uniform, of the padded length, and only in training', async () => {
    const model = await tinyFalcon(device)
    const { batch } = collate(examples)
    const [, tokens] = batch.shape
    const quiet = await model.forward(batch).read()
    model.embeddingNoise = { alpha: 5, seed: 9 }
    expect(await model.forward(batch).read()).toEqual(quiet)
    model.train(true)
    const loud = await model.forward(batch).read()
    expect(loud).not.toEqual(quiet)
    expect(await model.forward(batch).read()).toEqual(loud)
    expect(await inference(model, () => model.forward(batch)).read()).toEqual(quiet)
    expect(tokens).toBe(Math.max(...examples.map(({ inputIds }) => inputIds.length)))
    // transformers: within alpha / sqrt(t · c) of the padded length, on each token, padding too.
    const vectors = model.getInputEmbeddings().forward(fromArray(device, batch.inputIds, batch.shape, 'ids'))
    const bound = 5 / Math.sqrt(tokens * vectors.columns)
    const noisy = noise(vectors, bound, 9)
    expect(await model.forward({ shape: batch.shape, inputsEmbeds: noisy }).read()).toEqual(loud)
    const [before, after] = [await vectors.read(), await noisy.read()]
    const moves = after.map((value, i) => (value - (before[i] ?? NaN)) / bound)
    const mean = (values: Float32Array) => values.reduce((sum, each) => sum + each, 0) / values.length
    expect(Math.max(...moves.map(Math.abs))).toBeGreaterThan(0.99)
    expect(Math.max(...moves.map(Math.abs))).toBeLessThan(1.00001)
    // Of a uniform number the mean is 0 and the mean of squares a third.
    expect(Math.abs(mean(moves))).toBeLessThan(0.05)
    expect(mean(moves.map((move) => move * move))).toBeCloseTo(1 / 3, 1)
    model.dispose()
  })

  it('a run draws other noise each step, the same by the same seed, and leaves the model without', async () => {
    const [quiet, loud] = [await lossesOf({}), await lossesOf({ neftuneNoiseAlpha: 5 })]
    expect(loud.losses.every((loss, i) => loss !== quiet.losses[i])).toBe(true)
    expect(await lossesOf({ neftuneNoiseAlpha: 5 })).toEqual(loud)
    expect((await lossesOf({ neftuneNoiseAlpha: 5, seed: 43, dataSeed: 42 })).losses).not.toEqual(loud.losses)
    expect([quiet.noise, loud.noise]).toEqual([null, null])
  })

  it('smooths the labels of a run, and refuses to beside a loss of one’s own', async () => {
    const [sharp, smooth] = [await lossesOf({}), await lossesOf({ labelSmoothingFactor: 0.2 })]
    expect(smooth.losses.every((loss, i) => loss !== sharp.losses[i])).toBe(true)
    const { model, dispose } = await tinyRun(device, examples, {})
    expect(() => {
      return new TrainingRun(model, examples, { labelSmoothingFactor: 0.1, loss: (m, b) => m.loss(b, b.labels) })
    }).toThrow('TrainingRun: labelSmoothingFactor 0.1 does nothing beside a loss of your own; leave it out')
    dispose()
  })
})
