import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM as Falcon } from '../../../src/models/falcon/falcon.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { inference } from '../../../src/models/inference.ts'
import type { Weight } from '../../../src/nn/module.ts'
import { quantizeFourBit } from '../../../src/formats/four-bit/quantize-four-bit.ts'
import { Tensor, zeros } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'
import { batchOf, gradientChecks } from '../../golden/model-checks.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile } from '../../peft/tiny-falcon.ts'

const reference = await tinyFile('reference.safetensors')
const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('the tiny Falcon-RW on $description', (device) => {
  const { memory } = device
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())

  it('has transformers’ logits', async () => {
    const { batch } = await tinyBatch()
    const logits = model.forward(batch)
    expect(logits.shape).toEqual([2, 12, 64])
    expect(maxDifference(await logits.read(), await reference.readF32('logits'))).toBeLessThan(1e-4)
    const last = model.lastLogits(batch)
    expect(last.shape).toEqual([2, 64])
    const wanted = await reference.readF32('logits')
    const ends = [...wanted.subarray(11 * 64, 12 * 64), ...wanted.subarray(23 * 64, 24 * 64)]
    expect(maxDifference(await last.read(), ends)).toBeLessThan(1e-4)
    logits.dispose()
    last.dispose()
  })

  it('has its logits behind left padding, where there is a token', async () => {
    const batch = await batchOf(reference, 'input_ids', 'padded_mask')
    const logits = model.forward(batch)
    const seen = (values: Float32Array) => values.filter((_, i) => batch.attentionMask?.[Math.floor(i / 64)] !== 0)
    const wanted = seen(await reference.readF32('padded_logits'))
    expect(wanted).toHaveLength(19 * 64)
    expect(maxDifference(seen(await logits.read()), wanted)).toBeLessThan(1e-4)
    logits.dispose()
  })

  it('has its loss and the gradient of every weight', async () => {
    const input = { ...(await tinyBatch()), loss: (await reference.readF32('loss'))[0] ?? NaN }
    model.setRequiresGrad(true)
    const named = [...model.namedWeights()].filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor)
    const referenced = named.filter(([name]) => reference.has(`grad.${name}`))
    // Layer 1's are left out of the reference; layer 0's are reached through them.
    expect(named.length - referenced.length).toBe(12)
    for (const check of await gradientChecks(model, referenced, reference, 'grad.', input)) {
      expect(check).toMatchObject({ ok: true })
    }
  })

  it('continues greedily as transformers does', async () => {
    const [prompt, greedy] = [await reference.readF32('prompt_ids'), await reference.readF32('greedy_ids')]
    const ids = [...prompt]
    while (ids.length < greedy.length) {
      const logits = model.lastLogits({ inputIds: Int32Array.from(ids), shape: [1, ids.length] })
      const values = await logits.read()
      ids.push(values.indexOf(Math.max(...values)))
      logits.dispose()
    }
    expect(ids).toEqual([...greedy])
  })

  it('pays no heed to what stands right of a row’s end', async () => {
    const { inputIds } = (await tinyBatch()).batch
    const short = model.forward({ inputIds: inputIds.slice(0, 7), shape: [1, 7] })
    const padded = model.forward({ inputIds: Int32Array.of(...inputIds.slice(0, 7), 0, 0), shape: [1, 9] })
    expect(maxDifference(await short.read(), (await padded.read()).slice(0, 7 * 64))).toBeLessThan(1e-5)
    short.dispose()
    padded.dispose()
  })

  it('has its logits past position 256, where ALiBi’s positions are rounded, at once and with a cache', async () => {
    const inputIds = Int32Array.from({ length: 300 }, (_, i) => 3 + ((i * 7) % 61))
    const [heads, dim] = model.cacheShape
    const held = memory.liveBuffers
    const scope = memory.open()
    const golden = await (await openFixture('ops.safetensors')).readF32('long.logits')
    const whole = (await model.forward({ inputIds, shape: [1, 300] }).read()).slice(-8 * 64)
    expect(maxDifference(whole, golden)).toBeLessThan(1e-4)
    const caches = Array.from({ length: model.numHiddenLayers }, () => {
      const shape = [1, heads, 300, dim]
      return { k: zeros(device, shape, 'k'), v: zeros(device, shape, 'v') }
    })
    const run = (begin: number, end: number) =>
      model.lastLogits(
        { inputIds: inputIds.slice(begin, end), shape: [1, end - begin] },
        caches.map((cache) => ({ ...cache, length: begin })),
      )
    run(0, 260)
    run(260, 299)
    expect(maxDifference(await run(299, 300).read(), golden.slice(-64))).toBeLessThan(1e-4)
    scope.close()
    expect(memory.liveBuffers).toBe(held)
  })

  it('frees what lies between in inference', async () => {
    const { batch, labels } = await tinyBatch()
    const before = memory.liveBytes
    const logits = model.forward(batch)
    const loss = model.loss(batch, labels)
    expect(memory.liveBytes - before).toBe(logits.byteLength + loss.byteLength)
    logits.dispose()
    loss.dispose()
  })

  it('predicts each label from the token before it, and sums by the normalizer', async () => {
    const { batch, labels } = await tinyBatch()
    const read = async (...args: Parameters<FalconForCausalLM['loss']>) => {
      const loss = model.loss(...args)
      const value = await loss.item()
      loss.dispose()
      return value
    }
    const mean = await read(batch, labels)
    const first = labels.map((label, i) => (i % 12 === 0 ? 5 : label))
    expect(await read(batch, first)).toBe(mean)
    const count = labels.filter((label, i) => label >= 0 && i % 12 !== 0).length
    expect(await read(batch, labels, 1)).toBeCloseTo(mean * count, 3)
  })

  it('refuses what does not fit, and leaves no byte', async () => {
    const { batch, labels } = await tinyBatch()
    const before = [memory.liveBytes, memory.liveBuffers]
    const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })
    const foreign = { inputIds: Int32Array.of(1, 64), shape: [1, 2] as const }
    const vocabulary = refusal(
      'config',
      "falcon: token 64 is beyond the vocabulary of 64; is this the model's tokenizer?",
    )
    expect(() => model.forward(foreign)).toThrow(vocabulary)
    expect(() => model.lastLogits({ inputIds: Int32Array.of(-1), shape: [1, 1] })).toThrow(
      "falcon: token -1 is beyond the vocabulary of 64; is this the model's tokenizer?",
    )
    expect(() => model.loss(foreign, foreign.inputIds)).toThrow(vocabulary)
    expect(() => model.loss(batch, labels.slice(1))).toThrow(refusal('shape', 'loss: 23 labels for 2 × 12 tokens'))
    expect(() =>
      model.loss(
        batch,
        labels.map(() => -100),
      ),
    ).toThrow('linearCrossEntropy: every label is masked; a prompt that fills the whole length leaves nothing to learn')
    for (const inputIds of [[1.5, NaN], '41', undefined]) {
      expect(() => model.forward({ inputIds: inputIds as never, shape: [1, 2] })).toThrow(
        'falcon: a batch needs inputIds as an Int32Array or inputsEmbeds as a tensor, and its shape as [rows, tokens], got { ',
      )
    }
    expect(() => model.forward({ ...batch, shape: undefined as never })).toThrow('its shape as [rows, tokens]')
    expect(() => model.forward({ ...batch, attentionMask: Array(24).fill(1) as never })).toThrow(
      'falcon: attentionMask must be a Uint8Array, got [1, 1, 1, 1, 1, 1, 1, 1, …]',
    )
    expect(() => model.loss(batch, [...labels] as never)).toThrow('loss: labels must be an Int32Array, got [')
    expect(() => model.loss(undefined as never, labels)).toThrow('falcon: a batch needs inputIds as an Int32Array')
    expect(() => model.loss(batch, undefined as never)).toThrow('loss: labels must be an Int32Array, got undefined')
    expect(() => model.forward({ inputIds: batch.inputIds, shape: [2, 11] })).toThrow(
      refusal('shape', 'falcon: 24 ids for 2 × 11 tokens'),
    )
    expect(() => model.forward({ ...batch, attentionMask: new Uint8Array(23) })).toThrow(
      refusal('shape', 'falcon: an attention mask of 23 for 2 × 12 keys'),
    )
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
  })

  it('names what a map of weights lacks or may not quantise', () => {
    const scope = memory.open()
    const weights = new Map<string, Weight>(
      modelWeights(model.config).map(({ name, shape }) => [name, zeros(device, shape, name)]),
    )
    const table = 'transformer.word_embeddings.weight'
    const dense = 'transformer.h.1.self_attention.dense.weight'
    const quantised = new Map(weights).set(table, quantizeFourBit(weights.get(table) as Tensor))
    expect(() => new Falcon(model.config, quantised)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: `falcon: ${table} cannot be quantised` }),
    )
    const misshapen = new Map(weights).set(dense, zeros(device, [32, 31], dense))
    expect(() => new Falcon(model.config, misshapen)).toThrow(
      expect.objectContaining({ code: 'shape', message: `falcon: ${dense} is [32,31], the config says [32,32]` }),
    )
    weights.delete(dense)
    expect(() => new Falcon(model.config, weights)).toThrow(
      expect.objectContaining({ code: 'not-found', message: `falcon: no weight ${dense}` }),
    )
    scope.close()
  })

  it('has its checkpoint’s names, and starts from nothing by its specs and seed', async () => {
    const specs = modelWeights(model.config)
    const file = await tinyFile('model.safetensors')
    expect(specs.map(({ name }) => name).sort()).toEqual([...file.names].sort())
    for (const { name, shape } of specs) expect(file.info(name).shape).toEqual(shape)
    expect([...model.namedWeights()].map(([name]) => name).sort()).toEqual([...file.names].sort())
    const [a, b, c] = [1, 1, 2].map((seed) => initialWeights(device, specs, 0.02, seed)) as [
      Map<string, Tensor>,
      Map<string, Tensor>,
      Map<string, Tensor>,
    ]
    const values = async (weights: Map<string, Tensor>, name: string) =>
      (await weights.get(name)?.read()) ?? new Float32Array()
    const table = await values(a, 'transformer.word_embeddings.weight')
    expect(Math.sqrt(table.reduce((sum, x) => sum + x * x, 0) / table.length)).toBeCloseTo(0.02, 3)
    expect(await values(b, 'transformer.word_embeddings.weight')).toEqual(table)
    expect(await values(c, 'transformer.word_embeddings.weight')).not.toEqual(table)
    expect(new Set(await values(a, 'transformer.ln_f.weight'))).toEqual(new Set([1]))
    expect(new Set(await values(a, 'transformer.ln_f.bias'))).toEqual(new Set([0]))
    for (const weights of [a, b, c]) for (const tensor of weights.values()) tensor.dispose()
  })

  it('inference leaves the training flag as it was, also when the work throws', () => {
    expect(inference(model, () => model.training)).toBe(false)
    model.train()
    expect(inference(model, () => model.training)).toBe(false)
    expect(model.training).toBe(true)
    expect(() =>
      inference(model, () => {
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(model.training).toBe(true)
    model.train(false)
  })
})
