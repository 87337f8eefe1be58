import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { BatchLayout, PretrainedLm, TokenBatch } from '../../src/models/causal-lm.ts'
import { collatePacked } from '../../src/models/example.ts'
import type { LlamaConfig } from '../../src/models/llama/llama-config.ts'
import { MistralForCausalLM } from '../../src/models/llama/mistral.ts'
import type { Device } from '../../src/device/device.ts'
import { fromArray, Tensor } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { gradientChecks, logitsOf } from '../golden/model-checks.ts'
import { maxDifference, tinyFalcon } from '../peft/tiny-falcon.ts'
import { tinyModel } from './tiny-family.ts'

const golden = await openFixture('attention-models.safetensors')
const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

const integers = async (name: string) => Int32Array.from((await golden.read(name)) as Int32Array)

/** A batch of a golden file, with what else it is told. */
async function batchOf(name: string, told: Omit<BatchLayout, 'shape'> = {}): Promise<TokenBatch> {
  const [rows = 0, tokens = 0] = golden.info(`${name}.ids`).shape
  return { inputIds: await integers(`${name}.ids`), shape: [rows, tokens], ...told }
}

/** Loss and gradients that the golden file has of a model. */
async function expectGradients(model: PretrainedLm, name: string, batch: TokenBatch, labels: Int32Array) {
  model.setRequiresGrad(true)
  const prefix = `${name}.grad.`
  const named = [...model.namedWeights()].filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor)
  const loss = (await golden.readF32(`${name}.loss`))[0] ?? NaN
  const kept = named.filter(([key]) => golden.has(prefix + key))
  expect(kept.length).toBeGreaterThan(3)
  for (const check of await gradientChecks(model, kept, golden, prefix, { batch, labels, loss })) {
    expect(check).toMatchObject({ ok: true })
  }
}

const open = {
  falcon: (device: Device) => tinyFalcon(device),
  llama: async (device: Device) => (await tinyModel(device, 'llama-tied')).model,
}

describe.each(devices)('what a model is told to see, on $description', (device) => {
  it.each(['falcon', 'llama'] as const)('%s has transformers’ numbers of packed documents', async (name) => {
    const model = await open[name](device)
    const batch = await batchOf(`${name}.packed`, { positionIds: await integers(`${name}.packed.position_ids`) })
    const logits = await golden.readF32(`${name}.packed.logits`)
    expect(maxDifference(await logitsOf(model, batch), logits)).toBeLessThan(1e-4)
    await expectGradients(model, `${name}.packed`, batch, await integers(`${name}.packed.labels`))
    model.dispose()
  })

  it('documents in another order in other rows are the same documents', async () => {
    const model = await open.llama(device)
    const [a, b] = [Int32Array.of(5, 9, 7, 3), Int32Array.of(11, 4, 6)]
    const rows = [...a, ...b, ...b, ...a]
    const positionIds = Int32Array.of(0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3)
    const got = await logitsOf(model, { inputIds: Int32Array.from(rows), shape: [2, 7], positionIds })
    const alone = await logitsOf(model, { inputIds: a, shape: [1, 4] })
    expect(maxDifference(got.subarray(0, 4 * 32), alone)).toBeLessThan(1e-5)
    expect(maxDifference(got.subarray(10 * 32), alone)).toBeLessThan(1e-5)
    model.dispose()
  })

  it.each(['falcon', 'llama'] as const)('%s has transformers’ numbers behind a prefix', async (name) => {
    const model = await open[name](device)
    const scope = device.memory.open()
    const tensors = await Promise.all(
      ['k.0', 'v.0', 'k.1', 'v.1'].map(async (part) => {
        const key = `${name}.prefix.${part}`
        const tensor = fromArray(device, await golden.readF32(key), golden.info(key).shape, part)
        tensor.requiresGrad = true
        return tensor
      }),
    )
    const prefixes = [0, 2].map((i) => ({ k: tensors[i]!, v: tensors[i + 1]! }))
    const attentionMask = Uint8Array.from(await integers(`${name}.prefix.attention_mask`))
    const batch = await batchOf(`${name}.prefix`, { prefixes, attentionMask })
    const logits = await golden.readF32(`${name}.prefix.logits`)
    expect(maxDifference(await logitsOf(model, batch), logits)).toBeLessThan(1e-4)
    const labels = await integers(`${name}.prefix.labels`)
    for (const isCheckpointing of [false, true]) {
      model.gradientCheckpointing = isCheckpointing
      const { loss, grads } = valueAndGrad({ trainableParameters: () => tensors }, () => model.loss(batch, labels))(
        null,
      )
      expect(maxDifference(await loss.read(), await golden.readF32(`${name}.prefix.loss`))).toBeLessThan(1e-5)
      for (const [i, part] of ['k.0', 'v.0', 'k.1', 'v.1'].entries()) {
        const wanted = await golden.readF32(`${name}.prefix.d_${part}`)
        const largest = Math.max(...wanted.map(Math.abs))
        expect(maxDifference(await grads.get(tensors[i]!)!.read(), wanted) / largest, part).toBeLessThan(1e-3)
      }
    }
    scope.close()
    model.dispose()
  })

  it('a sliding window is Mistral’s', async () => {
    const plain = await tinyModel(device, 'llama-tied')
    const weights = new Map([...plain.model.namedWeights()].filter(([name]) => !name.endsWith('_proj.bias')))
    const config = { ...(plain.model.config as LlamaConfig), modelType: 'mistral' as const, slidingWindow: 5 }
    const model = new MistralForCausalLM(config, weights)
    const batch = await batchOf('window')
    expect(maxDifference(await logitsOf(model, batch), await golden.readF32('window.logits'))).toBeLessThan(1e-4)
    await expectGradients(model, 'window', batch, batch.inputIds)
    plain.model.dispose()
  })

  it('a mask may have holes, as in transformers', async () => {
    const model = await open.llama(device)
    const mask = Uint8Array.from(await integers('holes.mask'))
    const got = await logitsOf(model, await batchOf('holes', { attentionMask: mask }))
    const wanted = await golden.readF32('holes.logits')
    // Who is hidden itself, or sees nothing, says what does not count.
    const seen = (values: Float32Array) => values.filter((_, i) => mask[Math.floor(i / 32)] !== 0)
    expect(maxDifference(seen(got), seen(wanted))).toBeLessThan(1e-4)
    model.dispose()
  })
})

describe('a packed batch', () => {
  const [device] = devices as [Device]
  const examples = [
    { inputIds: Int32Array.of(5, 9, 7), labels: Int32Array.of(5, 9, 7) },
    { inputIds: Int32Array.of(4, 6), labels: Int32Array.of(-100, 6) },
  ]

  it('is what DataCollatorWithFlattening makes', () => {
    expect(collatePacked(examples)).toEqual({
      batch: {
        inputIds: Int32Array.of(5, 9, 7, 4, 6),
        shape: [1, 5],
        positionIds: Int32Array.of(0, 1, 2, 0, 1),
      },
      labels: Int32Array.of(-100, 9, 7, -100, 6),
    })
  })

  it('does not learn the first token of a document from the one before', async () => {
    const model = await open.llama(device)
    const { batch, labels } = collatePacked(examples)
    labels[3] = 4
    expect(() => model.loss(batch, labels)).toThrow(
      'loss: token 3 of row 0 begins a document and has label 4; nothing before it predicts it, give it -100',
    )
    const told = (layout: Partial<BatchLayout>) => () => model.forward({ ...batch, ...layout })
    expect(told({ positionIds: Int32Array.of(0) })).toThrow('llama: 1 positions for 1 × 5 tokens')
    expect(told({ positionIds: Int32Array.of(0, 1, 2, -1, 0) })).toThrow('llama: positionIds count from 0, got -1')
    expect(told({ positionIds: [0] as never })).toThrow('llama: positionIds must be an Int32Array, got [0]')
    expect(told({ prefixes: [] })).toThrow('llama: 0 prefixes for 2 decoder blocks')
    model.dispose()
  })
})
