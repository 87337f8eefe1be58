import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import { collatePacked } from '../../../src/models/example.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter, type LoadAdapterOptions } from '../../../src/peft/files/adapter-files.ts'
import { mergeAdapter } from '../../../src/peft/merge/merge-adapter.ts'
import {
  deleteAdapter,
  disableAdapter,
  setAdapter,
  withAdapterNames,
} from '../../../src/peft/several/several-adapters.ts'
import { zeros } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

/** Folders of tiny-falcon-rw/adapters, whose gradients and encoders are held against PEFT in golden-adapters. */
const kinds = ['prompt-tuning', 'prefix-tuning', 'prefix-tuning-projected', 'p-tuning', 'p-tuning-lstm']
const { batch, labels } = await tinyBatch()

const refusal = (code: string, message: string | RegExp) =>
  expect.objectContaining({
    code,
    message: typeof message === 'string' ? message : (expect.stringMatching(message) as unknown),
  }) as Error

describe.each(await testEngines())('prompts that PEFT trained, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const configOf = async (kind: string) => tinyText(`adapters/${kind}/adapter_config.json`)
  const load = async (kind: string, options: LoadAdapterOptions = {}) =>
    loadAdapter(model, await configOf(kind), await tinyFile(`adapters/${kind}/adapter_model.safetensors`), options)

  it.each(kinds)('%s: logits and loss are its, and without it the model’s own', async (kind) => {
    const own = await model.forward(batch).read()
    const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
    const adapter = await load(kind)
    expect(maxDifference(await model.forward(batch).read(), await reference.readF32('logits'))).toBeLessThan(1e-4)
    expect(maxDifference(await model.loss(batch, labels).read(), await reference.readF32('loss'))).toBeLessThan(1e-5)
    adapter.setEnabled(false)
    expect(await model.forward(batch).read()).toEqual(own)
    adapter.detach()
    expect(await model.forward(batch).read()).toEqual(own)
  })

  it.each(kinds)('%s: gradients are the same bits with checkpointing', async (kind) => {
    const config = JSON.parse(await configOf(kind)) as Record<string, unknown>
    const adapter = attachAdapter(model, fromFile(config), { seed: 3 })
    const gradients = async () => {
      const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
      expect([...grads.keys()]).toEqual([...adapter.namedTrainableParameters().values()])
      return Promise.all([...grads.values()].map((grad) => grad.read()))
    }
    const plain = await gradients()
    model.gradientCheckpointing = true
    expect(await gradients()).toEqual(plain)
    expect(plain.every((values) => values.some((value) => value !== 0))).toBe(true)
  })

  it.each(kinds)('%s: saved again, its files are the same bytes', async (kind) => {
    const files = await adapterFiles(await load(kind))
    const name = 'adapter_model.safetensors'
    expect(files.get(name)).toEqual(new Uint8Array(await readFixture(`tiny-falcon-rw/adapters/${kind}/${name}`)))
    expect(new TextDecoder().decode(files.get('adapter_config.json'))).toBe(await configOf(kind))
  })

  it('says what of a file can be trained further', async () => {
    await expect(load('p-tuning', { trainable: true })).rejects.toThrow(
      refusal('unsupported', /^loadAdapter: the file of p-tuning has the vectors that its encoder computed/),
    )
    await expect(load('prefix-tuning-projected', { trainable: true })).rejects.toThrow(
      refusal('unsupported', /^loadAdapter: the file of a projected prefix has what its projection computed/),
    )
    const adapter = await load('prefix-tuning', { trainable: true })
    expect([...adapter.namedTrainableParameters().keys()]).toEqual(['prompt_embeddings'])
    expect(model.trainableParameters()).toHaveLength(1)
  })

  it('is switched with others, one at a time, and is not merged', async () => {
    const own = await model.forward(batch).read()
    const vectors = await load('prompt-tuning')
    const ofVectors = await model.forward(batch).read()
    await load('prefix-tuning', { name: 'other' })
    expect(await model.forward(batch).read()).toEqual(ofVectors)
    setAdapter(model, 'other')
    const ofPrefix = await model.forward(batch).read()
    expect(maxDifference(ofPrefix, ofVectors)).toBeGreaterThan(0.1)
    setAdapter(model, ['default', 'other'])
    expect(() => model.forward(batch)).toThrow(
      refusal('config', /^prompt: a text has one prompt, and default, other are active/),
    )
    expect(await disableAdapter(model, () => model.forward(batch).read())).toEqual(own)
    setAdapter(model, 'default')
    const rows = (names: readonly string[]) => withAdapterNames(model, names, () => model.forward(batch).read())
    expect(await rows(['other', 'other'])).toEqual(ofPrefix)
    expect(await rows(['__base__', '__base__'])).toEqual(own)
    expect(() => rows(['other', '__base__'])).toThrow(refusal('unsupported', /^prompt: rows of a batch cannot have/))
    await expect(mergeAdapter(model)).rejects.toThrow(refusal('unsupported', /a prompt cannot be merged/))
    await expect(modelFiles(model)).rejects.toThrow(refusal('unsupported', /a prompt cannot be merged/))
    expect(await model.forward(batch).read()).toEqual(ofVectors)
    deleteAdapter(model, 'other')
    vectors.detach()
    expect([...model.namedModules()].map(([path]) => path)).toContain('prompt_encoder')
    expect(await model.forward(batch).read()).toEqual(own)
  })

  it('refuses batches that a prompt cannot stand before', async () => {
    await load('prefix-tuning')
    const prefixes = [0, 1].map(() => ({ k: zeros(device, [1, 2, 32]), v: zeros(device, [1, 2, 32]) }))
    expect(() => model.forward({ ...batch, prefixes })).toThrow(
      refusal(
        'config',
        'falcon: the model has a prompt of 4 virtual tokens, so a batch may bring no prefixes; switch its adapter off',
      ),
    )
    const packed = collatePacked(
      [0, 1].map(() => ({ inputIds: Int32Array.of(3, 4, 5), labels: Int32Array.of(3, 4, 5) })),
    )
    expect(() => model.loss(packed.batch, packed.labels)).toThrow(
      refusal(
        'unsupported',
        /^falcon: the model has a prompt of 4 virtual tokens, which documents of a packed row cannot/,
      ),
    )
    // One document, its positions said.
    const told = { ...batch, positionIds: Int32Array.from(batch.inputIds, (_, i) => i % 12) }
    expect(await model.forward(told).read()).toEqual(await model.forward(batch).read())
  })
})

/** A file's config as options. */
function fromFile(config: Record<string, unknown>): { peftType: string } {
  const camel = (key: string) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const left = new Set(['inference_mode', 'peft_version', 'auto_mapping'])
  const fields = Object.entries(config).filter(([key]) => !left.has(key))
  return Object.fromEntries(fields.map(([key, value]) => [camel(key), value])) as { peftType: string }
}
