import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluateLoss } from '../../src/evaluate/loss.ts'
import type { Example } from '../../src/models/example.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { CausalLm } from '../../src/models/causal-lm.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

/** Σ cross-entropy and number of the counted tokens, from all logits, in double. */
async function byHand(model: CausalLm, { inputIds, labels }: Example): Promise<[nats: number, tokens: number]> {
  const logits = model.forward({ inputIds, shape: [1, inputIds.length] })
  const values = await logits.read()
  logits.dispose()
  let [nats, tokens] = [0, 0]
  for (let i = 1; i < labels.length; i++) {
    const label = labels[i] ?? -1
    if (label < 0) continue
    const row = [...values.subarray((i - 1) * model.vocabSize, i * model.vocabSize)]
    nats += Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (row[label] ?? NaN)
    tokens++
  }
  return [nats, tokens]
}

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('evaluateLoss on $description', (device) => {
  let model: CausalLm
  let golden: Example[]
  let goldenLoss: number

  beforeAll(async () => {
    ;({ model } = await loadModel(join(import.meta.dirname, '../fixtures/tiny-falcon-rw'), { device }))
    const file = await openFixture('tiny-falcon-rw/reference.safetensors')
    const [rows = 0, width = 0] = file.info('input_ids').shape
    const [ids, labels] = [(await file.read('input_ids')) as Int32Array, (await file.read('labels')) as Int32Array]
    const cut = (values: Int32Array, row: number) => values.slice(row * width, (row + 1) * width)
    golden = Array.from({ length: rows }, (_, row) => ({ inputIds: cut(ids, row), labels: cut(labels, row) }))
    goldenLoss = (await file.readF32('loss'))[0] ?? NaN
  })

  it.each([1, 2, 8])('equals transformers’ loss in batches of %i', async (batchSize) => {
    const report = await evaluateLoss(model, golden, { batchSize })
    expect(report.loss).toBeCloseTo(goldenLoss, 5)
    expect(report.perplexity).toBeCloseTo(Math.exp(goldenLoss), 3)
    expect(report.bitsPerByte).toBeNull()
    expect(report.tokens).toBe(
      golden.flatMap(({ labels }) => [...labels.subarray(1)]).filter((label) => label >= 0).length,
    )
  })

  it('counts the tokens that are the likeliest of their place, whatever the batches', async () => {
    const examples = await Promise.all(
      golden.slice(0, 2).map(async ({ inputIds }, at) => {
        const ids = inputIds.slice(0, 9 + at)
        const logits = model.forward({ inputIds: ids, shape: [1, ids.length] })
        const values = await logits.read()
        logits.dispose()
        const likeliest = ids.map((_, i) => {
          const row = values.subarray((i - 1) * model.vocabSize, i * model.vocabSize)
          return i === 0 ? 0 : row.indexOf(Math.max(...row))
        })
        // Every third is another one, the fifth is not counted.
        const labels = likeliest.map((id, i) => (i === 5 ? -100 : i % 3 === 0 ? (id + 1) % model.vocabSize : id))
        return { inputIds: ids, labels }
      }),
    )
    const places = examples.flatMap(({ labels }) => [...labels.keys()].filter((i) => i > 0 && i !== 5))
    const share = places.filter((i) => i % 3 !== 0).length / places.length
    for (const batchSize of [1, 2]) {
      expect((await evaluateLoss(model, examples, { batchSize })).tokenAccuracy).toBeCloseTo(share, 12)
    }
  })

  it('measures the loss of smoothed labels, and all else of the labels themselves', async () => {
    const plain = await evaluateLoss(model, golden)
    const smooth = await evaluateLoss(model, golden, { labelSmoothingFactor: 0.2 })
    expect({ ...smooth, loss: plain.loss }).toEqual(plain)
    const even = await evaluateLoss(model, golden, { labelSmoothingFactor: 1, batchSize: 1 })
    expect(smooth.loss).toBeCloseTo(0.8 * plain.loss + 0.2 * even.loss, 5)
    await expect(evaluateLoss(model, golden, { labelSmoothingFactor: 2 })).rejects.toThrow(
      'evaluateLoss: labelSmoothingFactor must be a number from 0 and at most 1, got 2',
    )
  })

  it('weighs tokens alike in examples of different lengths, whatever the batches', async () => {
    const whole = golden[1]?.inputIds ?? new Int32Array()
    const examples = [12, 3, 7, 1, 2, 10].map((length, i) => {
      const inputIds = whole.slice(0, length)
      return { inputIds, labels: inputIds.map((id, at) => (at < i - 1 ? -100 : id)), bytes: 2 * length }
    })
    let [nats, tokens] = [0, 0]
    for (const example of examples) {
      const [itsNats, itsTokens] = await byHand(model, example)
      nats += itsNats
      tokens += itsTokens
    }
    for (const batchSize of [1, 4, 8]) {
      const report = await evaluateLoss(model, examples, { batchSize })
      expect(report.tokens).toBe(tokens)
      expect(report.loss).toBeCloseTo(nats / tokens, 5)
      // The third is one token long and the fourth two with neither a label to predict.
      expect(report.bitsPerByte).toBeCloseTo(nats / (2 * (12 + 3 + 7 + 10) * Math.LN2), 5)
    }
  })

  it('tells what each example comes to, in their order, whatever the batches', async () => {
    const whole = golden[1]?.inputIds ?? new Int32Array()
    const examples = [3, 12, 7, 1, 9].map((length, i): Example => {
      const inputIds = whole.slice(0, length)
      const labels = inputIds.map((id, at) => (at === i ? -100 : id))
      return { inputIds, labels, ...(i !== 2 && { bytes: 2 * length }) }
    })
    const wanted = await Promise.all(examples.map((example) => byHand(model, example)))
    for (const batchSize of [1, 2, 8]) {
      const { examples: each, loss } = await evaluateLoss(model, examples, { batchSize, labelSmoothingFactor: 0 })
      expect(each?.map(({ tokens }) => tokens)).toEqual(wanted.map(([, tokens]) => tokens))
      expect(each?.map(({ bytes }) => bytes)).toEqual([6, 24, null, 2, 18])
      each?.forEach(({ nats }, i) => expect(nats).toBeCloseTo(wanted[i]?.[0] ?? NaN, 4))
      const [nats, tokens] = wanted.reduce(([n, t], [ofN, ofT]) => [n + ofN, t + ofT], [0, 0])
      expect(loss).toBeCloseTo(nats / tokens, 5)
    }
  })

  it('tells how far it is', async () => {
    const seen: [number, number][] = []
    const examples = [...golden, ...golden, ...golden]
    await evaluateLoss(model, examples, { batchSize: 4, onProgress: (done, total) => seen.push([done, total]) })
    expect(seen).toEqual([
      [4, 6],
      [6, 6],
    ])
  })

  it('frees every byte, also when it fails, and leaves the model in training as it was', async () => {
    model.train()
    const before = [device.memory.liveBytes, device.memory.liveBuffers]
    const report = await evaluateLoss(model, golden)
    expect(report.loss).toBeCloseTo(goldenLoss, 5)
    const stop = () => {
      throw new Error('stop')
    }
    await expect(evaluateLoss(model, golden, { onProgress: stop })).rejects.toThrow('stop')
    const foreign = { inputIds: Int32Array.of(1, 99), labels: Int32Array.of(1, 2) }
    await expect(evaluateLoss(model, [foreign])).rejects.toThrow(
      "evaluateLoss: example 0: inputIds[1] must be a whole number from 0 to 63, below the model's vocabSize, got 99",
    )
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual(before)
    expect(model.training).toBe(true)
    model.train(false)
  })

  it('ends with the reason of its signal, from a batch or a timer, and leaves no byte', async () => {
    const before = [device.memory.liveBytes, device.memory.liveBuffers]
    const many = Array.from({ length: 200 }, () => golden).flat()
    const stopped = async (arm: (stop: (reason: Error) => void) => void) => {
      const controller = new AbortController()
      let done = 0
      const onProgress = (count: number) => void (done = count)
      const measured = evaluateLoss(model, many, { batchSize: 1, onProgress, signal: controller.signal })
      arm((reason) => controller.abort(reason))
      return [await measured.catch((error: unknown) => error), done] as const
    }
    const [reason, other] = [new Error('the page is closed'), new Error('time is up')]
    expect(await stopped((stop) => stop(reason))).toEqual([reason, 0])
    const [error, done] = await stopped((stop) => setTimeout(() => stop(other), 5))
    expect(error).toBe(other)
    expect(done).toBeLessThan(many.length)
    const never = evaluateLoss(model, golden, { signal: AbortSignal.abort(reason) })
    await expect(never).rejects.toBe(reason)
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual(before)
  })

  it('refuses what it cannot measure', async () => {
    const inputIds = Int32Array.of(1, 2, 3)
    const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })
    await expect(evaluateLoss(model, [])).rejects.toThrow(
      refusal('config', 'evaluateLoss: none of 0 examples has a label to predict'),
    )
    await expect(evaluateLoss(model, [{ inputIds, labels: Int32Array.of(4, -100, -100) }])).rejects.toThrow(
      refusal('config', 'evaluateLoss: none of 1 examples has a label to predict'),
    )
    await expect(evaluateLoss(model, [{ inputIds, labels: Int32Array.of(1) }])).rejects.toThrow(
      refusal('shape', 'evaluateLoss: example 0 has 3 ids and 1 labels'),
    )
    await expect(evaluateLoss(model, golden, { batchSize: 0 })).rejects.toThrow(
      refusal('config', 'evaluateLoss: batchSize must be a whole number from 1, got 0'),
    )
  })
})
